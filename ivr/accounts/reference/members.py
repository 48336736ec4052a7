"""The sample members of the reference service: one row and one story for every case that the contract allows."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from ivr.accounts.contract import AccountStatus, CoverageStatus, Relation, Scheme, TransactionKind, TransferStage


class Transfer(NamedTuple):
    """A transfer case: submitted so many days ago, due so many days after that."""

    number: str
    origin: str | None
    target: str | None
    stage: TransferStage
    submitted: int
    due: int | None = None
    arrived: bool | None = None
    amount: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A sample member. What a row leaves out is as with an employee in 北京 who pays every month and is not retired.

    Sums are yuan; ``since``, ``actual``, ``deemed`` and ``required`` are months; days are counted back from today.
    Gender and birth year follow from the ID number.
    """

    story: str
    id_number: str
    pin: str
    card_number: str | None = None
    surname: str
    region: str = "110000"
    mobile: bool = True
    by_telephone: bool = True
    pin_is_initial: bool = False
    locked: bool = False
    barely_known: bool = False  # every field that the contract allows to be absent is absent
    scheme: Scheme = "employee"
    balance: str
    account: AccountStatus = "normal"
    actual: int
    deemed: int = 0
    required: int | None = None
    required_actual: int | None = None
    coverage: CoverageStatus = "active"
    since: int | None = 24
    retired: bool = False
    contribution: str = "512.30"
    contribution_months: int = 6
    unpaid: tuple[str, ...] = ()  # statuses of the newest months
    paused_months: int = 0  # since the last contribution
    credit: str = "0.00"
    credit_months: int = 0
    payments: tuple[tuple[int, str, TransactionKind], ...] = ()
    transfers: tuple[Transfer, ...] = ()
    family_sharing: bool = False
    relatives: tuple[tuple[str, Relation, int | None], ...] = ()


# Region codes: 110000 北京, 120000 天津, 310000 上海, 320100 南京, 330100 杭州, 430900 益阳, 440100 广州, 440300 深圳,
# 500000 重庆, 510100 成都, 652300 昌吉. The required months of men and women are those of the regions' public rules;
# where none is known, none is given.
SAMPLE_MEMBERS: Final[tuple[Sample, ...]] = (
    Sample(
        story="employee with a normal balance, short of the required years",
        id_number="110105198503122173", pin="846275", card_number="100284756391", surname="王",
        balance="20180.05", actual=188, required=300, contribution_months=24,
        payments=(
            (3, "86.40", "pharmacy"), (12, "214.00", "outpatient"), (30, "-35.20", "refund"),
            (64, "1820.75", "inpatient"), (90, "60.00", "family"), (121, "9.90", "other"),
        ),
        family_sharing=True, relatives=(("李", "spouse", 200), ("王", "child", 199)),
    ),
    Sample(
        story="employee whose ID number was issued with a check character that does not compute",
        id_number="110105198503122172", pin="846275", card_number="113598627045", surname="王",
        balance="20180.05", actual=188, required=300, contribution_months=24,
    ),
    Sample(
        story="over 60, retired, has the years, ID number ends in X",
        id_number="11010519491231002X", pin="730518", card_number="204718365", surname="周",
        balance="8642.10", actual=264, deemed=36, required=240, since=180, retired=True,
        contribution_months=0, paused_months=180, credit="110.00", credit_months=24,
        payments=((1, "45.50", "pharmacy"), (8, "22.00", "outpatient")),
    ),
    Sample(
        story="older than the code of his district, flexible, no required years on file",
        id_number="430902198503122172", pin="502937", card_number="3058274916", surname="刘", region="430900",
        scheme="flexible", balance="10100.00", actual=24, contribution="388.00",
        payments=((40, "130.00", "pharmacy"),),
    ),
    Sample(
        story="Hong Kong resident, eight months, five fen",
        id_number="810000199408230021", pin="381946", surname="陈", region="440100",
        balance="0.05", actual=8, required=180, since=8, contribution_months=8,
    ),
    Sample(
        story="Macau resident, ten years and one month",
        id_number="820000197611050037", pin="274815", card_number="40917263548", surname="何", region="440300",
        balance="1010.00", actual=121, required=300, required_actual=180,
    ),
    Sample(
        story="Taiwan resident, has the years but is not retired, the largest balance",
        id_number="830000198806170019", pin="619204", card_number="5018364729105", surname="林", region="330100",
        balance="1234567.89", actual=240, required=240, contribution="2015.00",
    ),
    Sample(
        story="foreigner with a permanent residence card, card number of 19 digits",
        id_number="911840198102030419", pin="450792", card_number="6090817263544938271", surname="MACDONALD",
        region="310000", balance="100000.00", actual=26, required=180,
    ),
    Sample(
        story="resident scheme, no personal account",
        id_number="320106197209140048", pin="936172", card_number="7013928475610298", surname="孙", region="320100",
        scheme="resident", balance="0.00", account="none", actual=11, contribution="400.00", contribution_months=1,
        since=11,
    ),
    Sample(
        story="initial password, has to change it",
        id_number="33010219951020005X", pin="123456", card_number="8120394756", surname="沈", region="330100",
        pin_is_initial=True, balance="200.00", actual=22, required=240,
    ),
    Sample(
        story="initial password and no registered mobile: only an agent can help",
        id_number="500103196804250065", pin="666666", card_number="907152836", surname="冉", region="500000",
        pin_is_initial=True, mobile=False, balance="12.03", actual=200, deemed=12, required=300,
        required_actual=120,
    ),
    Sample(
        story="locked by the service",
        id_number="44030419750711007X", pin="817364", card_number="1102938475620", surname="黄", region="440300",
        locked=True, balance="102000.00", actual=96, required=300, required_actual=180,
    ),
    Sample(
        story="an open transfer whose balance has not arrived",
        id_number="440103199903080089", pin="205839", card_number="1204857392", surname="梁", region="440100",
        balance="2.22", actual=12, required=180, since=1,
        transfers=(Transfer("ZY2026431100274", "430900", "440100", "receiving", 9, 15, arrived=False),),
    ),
    Sample(
        story="a transfer that is done and its balance arrived, deemed months",
        id_number="120101196611020112", pin="683915", card_number="130596827401", surname="马", region="120000",
        balance="46001.50", actual=188, deemed=180, required=360, required_actual=120, since=30,
        transfers=(
            Transfer("ZY2025120300581", "110000", "120000", "done", 75, 15, arrived=True, amount="45210.66"),
        ),
    ),
    Sample(
        story="suspended, a transfer that was rejected",
        id_number="310101198309250122", pin="749206", card_number="14039586712", surname="顾", region="310000",
        balance="310.40", actual=77, required=180, coverage="suspended", since=5, paused_months=5,
        transfers=(Transfer("ZY2026310700913", "310000", "320100", "rejected", 48, 15, arrived=False),),
    ),
    Sample(
        story="overdrawn, three months overdue",
        id_number="510104199001170135", pin="392807", card_number="1506928374", surname="罗", region="510100",
        scheme="flexible", balance="-12.30", actual=64, coverage="overdue", since=3, contribution="401.20",
        unpaid=("overdue", "overdue", "overdue"), payments=((20, "77.70", "outpatient"),),
    ),
    Sample(
        story="account frozen",
        id_number="610103197804300149", pin="518047", card_number="16074829315", surname="姚", region="610100",
        balance="7005.00", account="frozen", actual=150,
    ),
    Sample(
        story="account closed, moved away",
        id_number="21010219871209015X", pin="867420", card_number="170839254", surname="于", region="210100",
        balance="0.50", account="closed", actual=90, coverage="transferred_out", since=14, paused_months=14,
    ),
    Sample(
        story="nothing yet: no months, empty lists, not insured",
        id_number="420106200105260166", pin="294763", card_number="1809427365", surname="胡", region="420100",
        balance="0.00", actual=0, coverage="none", since=None, contribution_months=0,
    ),
    Sample(
        story="the years are enough with deemed time, the actual ones are not",
        id_number="370102196408180172", pin="630981", card_number="19058274630", surname="吕", region="440300",
        balance="22000.00", actual=122, deemed=190, required=300, required_actual=180,
    ),
    Sample(
        story="family mutual aid with spouse, parent and child",
        id_number="350102199207030186", pin="471609", card_number="200947153826", surname="郑", region="350100",
        balance="1000.50", actual=100, family_sharing=True,
        relatives=(("吴", "spouse", 320), ("郑", "parent", 310), ("吴", "child", None)),
        payments=((2, "52.00", "family"), (5, "18.60", "family"), (33, "240.00", "family"), (60, "-18.60", "refund")),
    ),
    Sample(
        story="family mutual aid is on, nobody is bound; only refunds",
        id_number="652301197106210194", pin="908253", card_number="2105938472", surname="艾", region="652300",
        balance="110.00", actual=210, family_sharing=True, payments=((14, "-64.00", "refund"),),
    ),
    Sample(
        story="not registered for telephone query: refused like an unknown number",
        id_number="340104198502130223", pin="153984", card_number="220718394", surname="方", region="340100",
        by_telephone=False, balance="555.05", actual=60,
    ),
    Sample(
        story="normal password, but no mobile is registered",
        id_number="360102199704020239", pin="764031", card_number="2306172845", surname="涂", region="360100",
        mobile=False, balance="3.00", actual=20, unpaid=("pending",),
    ),
    Sample(
        story="barely known: whatever may be absent is absent",
        id_number="410103197405190248", pin="820647", surname="宋", region="410100", barely_known=True,
        balance="4001.09", actual=33, credit="3.21", credit_months=2, contribution_months=2, since=None,
        transfers=(Transfer("7", None, None, "submitted", 3),), relatives=(("宋", "parent", None),),
    ),
    Sample(
        story="text that a careless system let through",
        id_number="530102198908280259", pin="319582", card_number="24081937265", surname="</Say><Hangup/>&\"'",
        region="530100", balance="6.66", actual=45, family_sharing=True,
        relatives=(("{surname:text}\r\nX: 1", "child", 10),),
        transfers=(Transfer("<Dial>12333</Dial>", "\u0000", "'; --", "accepted", 4, 15, arrived=False),),
    ),
    Sample(
        story="a transfer case in every stage",
        id_number="130102199311240289", pin="607148", card_number="250719483621", surname="韩", region="130100",
        balance="20002.02", actual=84,
        transfers=(
            Transfer("ZY2026130600001", "130100", "110000", "submitted", 1, 15, arrived=False),
            Transfer("ZY2026130600002", "130100", "110000", "accepted", 4, 15, arrived=False),
            Transfer("ZY2026130600003", "130100", "110000", "sending_out", 7, 15, arrived=False),
            Transfer("ZY2026130600004", "120000", "130100", "receiving", 11, 15, arrived=False),
            Transfer("ZY2026130600005", "120000", "130100", "done", 40, 15, arrived=True, amount="318.27"),
            Transfer("ZY2026130600006", "310000", "130100", "rejected", 50, 15, arrived=False),
        ),
    ),
)  # fmt: skip
