"""The lookup of the survey: note what the caller thought of the human."""

import contextlib
from typing import Final

from ivr.call import Answered
from ivr.inquiry import Inquiry
from ivr.redis_line import StoreAway
from ivr.surveys import SCORES, Survey

SCORE: Final = "score"
"""The fact that a flow gives: what the key stands for."""


async def note_survey(inquiry: Inquiry) -> Answered:
    """Keep the score that the key stands for. Where that cannot be done the caller is not held up for it."""
    session, desk = inquiry.session, inquiry.desk
    score = next((one for one in SCORES if one == session.facts.get(SCORE)), None)
    if score is None or session.public:
        return Answered("noted")
    survey = Survey(inquiry.call, session.hotline, session.lang, session.asked, score, desk.now())
    with contextlib.suppress(StoreAway):
        await desk.surveys.note(survey)
    return Answered("noted")
