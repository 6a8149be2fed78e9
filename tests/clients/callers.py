"""Call a published third-party client against a simulator: `python callers.py NAME`, in its own environment.

The input is JSON on stdin: `base_url`, `account`, and the recording's `url` and `path`. The recognized text
is written to stdout. Each function uses its client as its documentation does; only the address differs.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

POLL_S = 0.1


def shellus_voice2text(base_url: str, account: dict[str, str], url: str, path: str) -> str:
    """Call Volcengine bigmodel with the pair of keys."""
    from volc_asr import core

    core.SUBMIT_URL = f"{base_url}/api/v3/auc/bigmodel/submit"
    core.QUERY_URL = f"{base_url}/api/v3/auc/bigmodel/query"
    keys = (account["appid"], account["token"], "volc.seedasr.auc")
    task = core.submit_task(url, *keys)
    while (answer := core.query_result(task, *keys))[0] in {"20000001", "20000002"}:
        time.sleep(POLL_S)
    return core.format_result(answer[1], "txt")


def doubao_speech_mcp(base_url: str, account: dict[str, str], url: str, path: str) -> str:
    """Call Volcengine bigmodel with the single key."""
    os.environ |= {"VOLC_SPEECH_BASE_URL": base_url, "VOLC_SPEECH_API_KEY": account["api_key"]}
    from doubao_speech_mcp import products

    audio = {"url": url, "format": "wav"}
    task = products.asr_submit({"audio": audio, "request": {"model_name": "bigmodel", "show_utterances": True}})
    assert task["ok"], task
    while (answer := products.asr_query(task["task_id"]))["status"] in {"running", "queued"}:
        time.sleep(POLL_S)
    assert answer["ok"], answer
    return answer["data"]["result"]["text"]


def openspeechapi_volcengine(base_url: str, account: dict[str, str], url: str, path: str) -> str:
    """Call Volcengine v1 with the audio in the request."""
    from openspeechapi.providers.stt.volcengine import VolcengineSTT, VolcengineSTTSettings

    VolcengineSTT._AUC_BASE, VolcengineSTT._POLL_INTERVAL_S = f"{base_url}/api/v1/auc", POLL_S
    settings = VolcengineSTTSettings(access_token=account["token"], app_id=account["appid"], cluster=account["cluster"])
    return asyncio.run(_transcribe(VolcengineSTT(settings), base_url, path))


def openspeechapi_tencent(base_url: str, account: dict[str, str], url: str, path: str) -> str:
    """Call Tencent CreateRecTask and DescribeTaskStatus, signed without the vendor's SDK."""
    from openspeechapi.providers.stt.tencent import TencentSTT, TencentSTTSettings

    settings = TencentSTTSettings(secret_id=account["secret_id"], secret_key=account["secret_key"])
    return asyncio.run(_transcribe(TencentSTT(settings), base_url, path))


async def _transcribe(provider, base_url: str, path: str) -> str:
    """Send every request of an openspeechapi provider to the simulator, with the host that it was signed for."""
    import httpx
    from openspeechapi.core.enums import AudioFormat
    from openspeechapi.core.models import AudioData

    class Redirected(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            there = httpx.URL(base_url)
            request.url = request.url.copy_with(scheme=there.scheme, host=there.host, port=there.port)
            return await super().handle_async_request(request)

    recording = AudioData(Path(path).read_bytes(), sample_rate=16000, channels=1, format=AudioFormat.WAV)
    async with httpx.AsyncClient(transport=Redirected(), timeout=60) as client:
        provider.set_http_client(client)
        return (await provider.transcribe(recording)).text


def tencent_sdk(base_url: str, account: dict[str, str], url: str, path: str) -> str:
    """Call Tencent CreateRecTask and DescribeTaskStatus by the vendor's own SDK."""
    from tencentcloud.asr.v20190614 import asr_client, models
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile

    http = HttpProfile(protocol="http", endpoint=base_url.removeprefix("http://"), reqTimeout=60)
    credential = Credential(account["secret_id"], account["secret_key"])
    client = asr_client.AsrClient(credential, "ap-guangzhou", ClientProfile(httpProfile=http))
    wanted = models.CreateRecTaskRequest()
    wanted.EngineModelType, wanted.ChannelNum, wanted.ResTextFormat = "16k_zh", 1, 0
    wanted.SourceType, wanted.Url = 0, url
    asked = models.DescribeTaskStatusRequest()
    asked.TaskId = client.CreateRecTask(wanted).Data.TaskId
    while (task := client.DescribeTaskStatus(asked).Data).StatusStr in {"waiting", "doing"}:
        time.sleep(POLL_S)
    return task.Result


def openai_sdk(base_url: str, account: dict[str, str], url: str, path: str) -> str:
    """Transcribe by OpenAI's own library, with the times of words and segments."""
    from openai import OpenAI

    client = OpenAI(base_url=f"{base_url}/v1", api_key=account["api_key"], timeout=60, max_retries=0)
    with Path(path).open("rb") as recording:
        heard = client.audio.transcriptions.create(
            file=recording,
            model="whisper-1",
            language="zh",
            prompt="李华",
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
    assert heard.language == "chinese"
    assert [segment.id for segment in heard.segments] == list(range(len(heard.segments)))
    assert heard.words[0].start == heard.segments[0].start
    return heard.text


def volcengine_document(base_url: str, account: dict[str, str], url: str, path: str) -> str:
    """Call Volcengine v1 as the vendor's document shows: JSON as text, without a content type."""
    import requests

    headers = {"Authorization": f"Bearer; {account['token']}"}
    keys = {name: account[name] for name in ("appid", "token", "cluster")}
    wanted = {
        "app": keys,
        "user": {"uid": "388808087185088_demo"},
        "audio": {"format": "wav", "url": url},
        "additions": {"with_speaker_info": "False"},
    }

    def post(call: str, body: dict[str, object]) -> dict[str, object]:
        sent = requests.post(f"{base_url}/api/v1/auc/{call}", data=json.dumps(body), headers=headers, timeout=60)
        return json.loads(sent.text)["resp"]

    task = post("submit", wanted)["id"]
    while (answer := post("query", {**keys, "id": task}))["code"] >= 2000:
        time.sleep(POLL_S)
    assert answer["code"] == 1000, answer
    return answer["text"]


CALLERS = {
    function.__name__: function
    for function in (
        shellus_voice2text,
        doubao_speech_mcp,
        openspeechapi_volcengine,
        openspeechapi_tencent,
        tencent_sdk,
        openai_sdk,
        volcengine_document,
    )
}

if __name__ == "__main__":
    sys.stdout.write(CALLERS[sys.argv[1]](**json.load(sys.stdin)))
