"""Tariff codes in the browser: looked up, gone down to, and to the documents that mention them."""

from typing import Any

import httpx
import pytest
from looking import expect


@pytest.mark.parametrize(("language", "goods"), [("ko", "노트북"), ("en", "laptop")])
def test_goods_lead_to_a_code_and_to_what_mentions_it(
    shelf: httpx.Client, open_page: Any, language: str, goods: str
) -> None:
    page = open_page(shelf, "/hs-codes", language=language)
    page.wait_for_selector("#chapters li")
    page.fill("#goods", goods)
    page.locator("#codes a", has_text="8471.30").click()
    page.wait_for_selector("#mentions a")
    page.locator("#mentions a", has_text="노트북").first.click()
    page.wait_for_selector(".text .passage")
    expect(page.locator(".text .passage").first).to_contain_text("8471.30")
    page.go_back()
    page.go_back()
    page.wait_for_selector("#codes li")
    expect(page.locator("#goods")).to_have_value(goods)


def test_the_tree_is_opened_by_keyboard_down_to_its_leaves(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/hs-codes")
    page.wait_for_function("() => document.querySelectorAll('#chapters > li').length >= 96")
    for digits in ("84", "8471", "8471.30"):
        summary = page.locator("#chapters summary", has=page.locator(f".digits:text-is('{digits}')"))
        summary.focus()
        page.keyboard.press("Enter")
        page.locator("#chapters details[open] ul li", has_text=digits).first.wait_for()
    page.locator("#chapters .leaf a", has_text="8471.30-0000").wait_for()


def test_a_code_that_is_not_there_says_so(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/hs-codes/9999.99", expected=("404",))
    page.wait_for_selector(".callout.bad")


@pytest.mark.parametrize("path", ["/hs-codes", "/documents"])
def test_on_a_phone_no_field_covers_what_is_beside_it(shelf: httpx.Client, open_page: Any, path: str) -> None:
    page = open_page(shelf, path, phone=True)
    page.wait_for_selector("main .field:visible")
    sticking_out = page.evaluate(
        """() => [...document.querySelectorAll("main .field > :is(input, select, textarea)")]
          .filter((one) => one.getBoundingClientRect().right > one.parentElement.getBoundingClientRect().right + 1)
          .map((one) => one.id)"""
    )
    assert sticking_out == []


@pytest.mark.parametrize("path", ["/", "/hs-codes", "/ask"])
def test_what_takes_korean_apart_is_woken_before_the_first_question(
    shelf: httpx.Client, open_page: Any, path: str
) -> None:
    in_korean = open_page(shelf, path, language="ko")
    with in_korean.expect_response(lambda response: "/api/v1/hs-codes?" in response.url) as answer:
        in_korean.reload()
    assert answer.value.ok
    in_english = open_page(shelf, path)
    with in_english.expect_response(lambda response: "/api/v1/hs-codes?" in response.url) as answer:
        in_english.locator("#query, #goods, #question").first.dispatch_event("compositionstart")
    assert answer.value.ok
