"""Documents go in, hits come out: the main road of Search."""

from search_builders import ASearch


async def test_finds_by_words_and_by_meaning(search: ASearch) -> None:
    await search.add("Tariffs on laptops are zero.", "Shipping takes a week.")
    await search.add("노트북의 관세율은 0퍼센트이다.")
    assert (await search.texts("laptop tariff"))[0] == "Tariffs on laptops are zero."
    assert await search.texts("노트북 관세", mode="keyword") == ["노트북의 관세율은 0퍼센트이다."]
    assert (await search.texts("shipping week", mode="vector"))[0] == "Shipping takes a week."
