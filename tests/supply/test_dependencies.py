"""docs/dependencies.md lists every package that comes, and each has a licence that the project can live with."""

import re

import pytest

from tests.supply.dependencies import ALLOWED, PAGE, direct, licence_of, listed, packages, page, parts


def test_no_package_comes_that_the_page_does_not_list_with_its_licence():
    found = {package.name: package.licence for package in packages()}
    new = {name: licence for name, licence in found.items() if listed().get(name) != licence}
    assert not new, (
        f"new, or of another licence: {new}; see whether that is wanted, then write {PAGE.name} anew"
    )
    gone = set(listed()) - set(found)
    assert not gone, f"no longer brought by anything: {gone}; write {PAGE.name} anew"


def test_every_licence_is_among_those_allowed():
    wrong = {name: licence for name, licence in listed().items() if not set(parts(licence)) <= ALLOWED}
    assert listed() and not wrong


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "MIT AND AGPL-3.0", "unknown", "(MIT OR SSPL-1.0)"])
def test_other_licences_are_seen(licence):
    assert not set(parts(licence)) <= ALLOWED


def test_every_direct_dependency_is_pinned_and_has_its_reason():
    assert all(direct().values())
    direct_rows = re.findall(
        r"^\| (\S+) \| (\S+) \| .* \| (.+) \|$", page(packages()).split("## Brought")[0], re.M
    )
    assert {name for name, _, _ in direct_rows} - {"package"} == set(direct())


def test_a_package_that_says_nothing_of_its_licence_is_unknown(tmp_path, monkeypatch):
    folder = tmp_path / "silent-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: silent\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert licence_of("silent") == "unknown"
