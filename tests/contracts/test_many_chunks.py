"""The promises of LiveStore about documents of many chunks that lie side by side, on every adapter."""

from live_store_builders import OpenSearchStore, a_version

from builders import labels

MANY = 30


async def test_each_chunk_is_found_with_those_beside_it_and_none_of_other_documents(
    open_search_store: OpenSearchStore,
) -> None:
    async with open_search_store() as opened:
        live = opened.live
        texts = {name: [f"{name} {number:02} " + "x" * (number * 40) for number in range(MANY)] for name in "abc"}
        versions = {name: a_version(texts=chunks) for name, chunks in texts.items()}
        for version in versions.values():
            await live.label(version.document_id, 1, labels())
            await live.switch(version)
        # Once more, shorter, and once more as it was; another one goes.
        again = versions["a"].document_id
        await live.switch(a_version(again, 2, texts["a"][:7]))
        await live.switch(a_version(again, 3, texts["a"]))
        await live.forget([(again, 1), (again, 2), (versions["b"].document_id, 1)])
        await live.withdraw(versions["c"].document_id, 2)
        await live.forget([(versions["c"].document_id, 1)])
        at = await live.index_version()
        for name, number in (("a", 3), ("b", 1)):
            places = [(versions[name].document_id, number, ordinal) for ordinal in (*range(MANY - 1, -1, -1), MANY, -1)]
            for context in (0, 1, 7):
                *hits, behind, before = await live.hits(at, places, context=context)
                assert behind is None and before is None
                for (_, _, ordinal), hit in zip(places, hits, strict=False):
                    near = texts[name][max(0, ordinal - context) : ordinal + 1 + context]
                    assert hit is not None and hit.chunk.text == texts[name][ordinal]
                    assert [one.text for one in (hit.chunk, *hit.around)] == [
                        texts[name][ordinal],
                        *(text for text in near if text != texts[name][ordinal]),
                    ]
            assert await live.texts(at, places) == [*reversed(texts[name]), None, None]
        assert await live.hits(at, [(versions["c"].document_id, 1, 0), (again, 2, 0)]) == [None, None]
