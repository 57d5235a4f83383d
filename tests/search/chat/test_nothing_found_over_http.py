"""What the shelf does not answer is said not to be found: asked in Korean, with a model that reads it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from chat_streams import URL, events
from httpx import AsyncClient
from search_builders import a_search, over_http

from builders import labels
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.manager import ModelManager
from shared.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHELF = {
    "커피": "커피나무는 에티오피아의 고원에서 처음 발견되었다. 커피 열매는 익으면 붉은색을 띠며 손으로 딴다.",
    "세율": "노트북 컴퓨터의 기본 세율은 8%이다. 수입 신고는 입항 전에도 할 수 있다.",
    "보세": "보세 창고에 물품을 둘 수 있는 기간은 1년이다. 세관장은 기간을 한 번 늘려 줄 수 있다.",
    "광합성": "식물의 잎은 햇빛을 받아 물과 이산화 탄소로 포도당을 만든다. 이때 산소가 밖으로 나온다.",
    "한글": "세종은 1443년에 한글을 만들고 1446년에 반포하였다. 처음에는 스물여덟 글자였다.",
    "지진": "지진은 땅속의 판이 서로 부딪치거나 어긋날 때 일어난다. 규모가 1 커지면 에너지는 약 32배가 된다.",
    "휴가": "직원은 입사한 지 1년이 지나면 15일의 연차 휴가를 쓸 수 있다. 쓰지 않은 휴가는 돈으로 받는다.",
    "tea": "Green tea is steamed and dried soon after the harvest. It is kept in a cool and dark room.",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsyncClient]:
    """Over a shelf that the packaged model for Korean has read."""
    folder = tmp_path_factory.mktemp("search")
    settings = Settings(
        data_dir=folder, model_name="multilingual-e5-small", model_engine="onnx", model_cache_dir=folder / "models"
    )
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(ModelManager(settings, PrometheusMetrics()))
        await model.load()
        search = await stack.enter_async_context(a_search(folder, model=model, settings=settings))
        fingerprint = model.describe().fingerprint
        for name, text in SHELF.items():
            vectors = await model.embed([text], kind="passage")
            await search.add(text, given=labels(document_name=f"{name}.txt"), fingerprint=fingerprint, vectors=vectors)
        yield await stack.enter_async_context(over_http(search))


async def told(client: AsyncClient, question: str) -> tuple[str, str]:
    """Why the answer ended, and what it says."""
    asked = events(await client.post(URL, json={"question": question, "remember": False}))
    text = "".join(one["data"]["text"] for one in asked if one["type"] == "answer_delta")
    return asked[-1]["data"]["finish_reason"], text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("노트북의 기본 세율은 얼마인가요?", "8%"),
        ("보세 창고에 물품을 얼마나 둘 수 있나요?", "1년"),
        ("한글은 언제 만들어졌나요?", "1443년"),
        ("지진은 왜 일어나나요?", "판이 서로"),
        ("연차 휴가는 며칠인가요?", "15일"),
        ("How is green tea kept?", "dark room"),
    ],
)
async def test_what_stands_on_the_shelf_is_told(client: AsyncClient, question: str, said: str) -> None:
    reason, text = await told(client, question)
    assert reason == "stop" and said in text


@pytest.mark.parametrize(
    "question",
    [
        "조선 시대에 한양의 인구는 몇 명이었나요?",
        "기간 안에 도서관 책을 돌려주지 않으면 어떻게 되나요?",
        "달에 처음 간 사람은 누구인가요?",
        "바이올린을 배우는 데 몇 달이 걸리나요?",
        "고양이는 하루에 몇 시간을 자나요?",
        "새로 산 자동차는 어디에 등록하나요?",
        "Who won the chess championship in Reykjavik in 1972?",
    ],
)
async def test_what_stands_nowhere_is_said_not_to_be_found(client: AsyncClient, question: str) -> None:
    reason, text = await told(client, question)
    assert reason == "nothing_found", text
