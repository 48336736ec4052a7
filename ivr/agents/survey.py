"""The lookup of the survey: note what the caller thought of the human."""

import contextlib
from typing import Final

from ivr.call import Answered
from ivr.going_on import service_of, services_of
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
    survey = Survey(
        call=inquiry.call,
        hotline=session.hotline,
        lang=session.lang,
        asked=service_of(inquiry.library, session.hotline, session.asked),
        score=score,
        at=desk.now(),
        path=services_of(inquiry.library, session),
    )
    with contextlib.suppress(StoreAway):
        await desk.surveys.note(survey)
    return Answered("noted")
