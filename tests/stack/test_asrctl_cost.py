"""`asrctl cost`, `asrctl estimate` and the cost in `asrctl why`, against the local stack."""

from itertools import count

import pytest

from asrcore.vendors.registry import VENDORS
from tests.support.operator import RECORDING, ROOT, Operator

FRESH = count()
SAMPLES = ROOT / "samples"


@pytest.fixture(scope="module")
def completed(stack):
    operator = Operator(stack)
    job = operator.drop("incoming/tencent-recording/spent.wav", RECORDING)
    assert operator.ended(job)["status"] == "COMPLETED"
    return job


def test_cost_sums_up_by_day_and_vendor(operator, completed):
    row = operator.ended(completed)

    found = operator.found("cost")

    day = row["updated_at"][:10]
    (today,) = [each for each in found["days"] if (each["vendor"], each["day"]) == ("tencent-recording", day)]
    assert today["count"] >= 1
    assert today["usd"] >= float(row["cost"]["total"]["usd"])
    assert today["price_unknown"] == 0
    assert found["all"]["usd"] == pytest.approx(sum(each["usd"] for each in found["days"]))


def test_why_of_an_ended_job_states_its_cost(operator, completed):
    told = operator.run("why", completed)

    cost = operator.ended(completed)["cost"]["total"]
    assert f"It cost {float(cost['cny']):.4f} CNY ({float(cost['usd']):.4f} USD).\n" in told.stdout


class TestEstimate:
    def test_estimate_of_a_length_compares_every_vendor(self, operator):
        found = operator.found("estimate", "1h")

        assert set(found["vendors"]) == set(VENDORS)
        assert found["vendors"]["tencent-rec-task"]["cny"] == pytest.approx(1.75, abs=0.03)
        assert found["vendors"]["abcpen"]["price_unknown"] == 1
        assert found["vendors"]["tencent-sentence"]["refused"] == 1
        first = "chosen because it is the first of the chain that accepts the recording"
        assert found["chosen"] == [{"vendor": "tencent-rec-task", "count": 1, "reason": first}]

    def test_estimate_of_a_file_probes_it(self, operator):
        told = operator.run("estimate", str(SAMPLES / "meeting.wav"), "--vendor", "tencent-sentence")

        assert told.status == 0, told.stderr
        assert "tencent-sentence  1 " in told.stdout

    def test_estimate_of_a_prefix_adds_up_its_recordings(self, operator, stack):
        prefix = f"incoming/abcpen/to estimate/{next(FRESH)}"
        s3 = stack.client("s3")
        with operator.without_events():
            for name, body in {
                "a.wav": RECORDING,
                "b.wav": RECORDING,
                "c.wav": b"no recording",
                "a.wav.asr.json": b"{}",
            }.items():
                s3.put_object(Bucket=stack.audio_bucket, Key=f"{prefix}/{name}", Body=body)

        found = operator.found("estimate", f"s3://{stack.audio_bucket}/{prefix}", "--vendor", "tencent-recording")

        assert found["recordings"] == 2
        assert found["vendors"]["tencent-recording"]["count"] == 2

    @pytest.mark.parametrize(
        ("what", "said"),
        [
            pytest.param(
                "soon", "'soon' is no file of this machine, no s3://bucket/prefix and no duration", id="nothing"
            ),
            pytest.param(str(ROOT / "Makefile"), "Makefile: ", id="a file that is no recording"),
            pytest.param("s3://{bucket}/nowhere/", "there is no recording under s3://", id="an empty prefix"),
        ],
    )
    def test_estimate_of_anything_else_is_refused(self, operator, stack, what, said):
        told = operator.run("estimate", what.format(bucket=stack.audio_bucket))

        assert told.status == 1
        assert said in told.stderr
