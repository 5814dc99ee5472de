import pytest

from advkit.errors import UsageError
from advkit.evaluate.requirements import check_asked, judge, required

RUN = {
    "norm": "Linf",
    "clean": {"value": 0.9, "low": 0.85},
    "robust": [{"eps": 8 / 255, "value": 0.5, "low": 0.41}, {"eps": 0.1, "value": 0.2, "low": 0.1}],
}


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("linf@8/255 >= 0.40", True),
        ("Linf@8/255>=0.42", False),
        ("LINF @ 0.1 >= 10%", True),
        ("clean >= 0.86", False),
        ("clean>=85%", True),
    ],
)
def test_the_lower_bound_decides(text: str, met: bool) -> None:
    (outcome,) = judge(RUN, [required(text)])
    assert outcome.met == met
    assert outcome.text == text


@pytest.mark.parametrize(
    "text",
    ["", "0.4", "linf >= 0.4", "clean@0.1 >= 0.4", "linf@8/255 > 0.4", "linf@8/0 >= 0.4",
     "linf@0.1 >= 1.4", "l3@0.1 >= 0.4", "linf@0.1 >= nan", "linf@0.1 >= -0.1"],
)  # fmt: skip
def test_what_cannot_be_read_is_repeated(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        required(text)
    assert str(raised.value)


def test_a_norm_or_an_eps_that_is_not_audited_is_refused() -> None:
    with pytest.raises(UsageError, match="the audit is in Linf"):
        judge(RUN, [required("l2@0.1 >= 0.4")])
    with pytest.raises(UsageError, match="the audited eps are"):
        check_asked([required("linf@0.2 >= 0.4")], "Linf", [0.1])
