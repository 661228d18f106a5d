"""Configuration texts wherever they are kept: the same cases for a fake, a file, Nacos by both interfaces, and Apollo."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drill.adapters.config_apollo import ApolloKeeper
from drill.adapters.config_file import FileKeeper
from drill.adapters.config_keepers import KeptConfigs
from drill.adapters.config_nacos import NacosKeeper
from drill.adapters.http_calls import PlainHttp
from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal, InDoubt, Retryable
from drill.model.ports import ConfigPlace, Configs
from tests.adapters import config_centres
from tests.adapters.config_centres import FakeApollo, FakeNacos, serving
from tests.fakes import FakeSecrets
from tests.fakes_own import FakeConfigs

_OLD, _NEW = "url: db-a:5432\n# 备\n", "url: db-b:5432\n# 备\n"
_CENTRES = ["nacos-v3", "nacos-v2", "apollo"]


def kept() -> KeptConfigs:
    values = SecretValues(FakeSecrets({"TOKEN": config_centres.TOKEN, "PASSWORD": config_centres.PASSWORD}))
    http = PlainHttp(values)
    return KeptConfigs({"file": FileKeeper(), "nacos": NacosKeeper(http, values), "apollo": ApolloKeeper(http)})


class Place:
    """One text with its keeper, and what a test may do to it behind the drill's back."""

    def __init__(
        self, place: ConfigPlace, live: Callable[[], str], centre: FakeNacos | FakeApollo | None = None, configs: Configs | None = None
    ) -> None:
        self.place = place
        self.live = live
        self.centre = centre
        self.configs = configs or kept()

    def swap(self, before: str = _OLD, after: str = _NEW) -> None:
        self.configs.swap(self.place, before, after)


def file_place(tmp_path: Path) -> Place:
    path = tmp_path / "app.yaml"
    path.write_bytes(_OLD.encode())
    return Place(ConfigPlace("file", {"path": str(path)}), lambda: path.read_bytes().decode())


def nacos_place(url: str, centre: FakeNacos, **keys: str) -> Place:
    named = {"url": f"{url}/nacos", "data_id": "shop.yaml", "api": centre.api, "username": config_centres.USER, "type": "yaml"}
    return Place(ConfigPlace("nacos", {**named, "password": "secret:PASSWORD", **keys}), lambda: centre.text, centre)


def apollo_place(url: str, centre: FakeApollo, **keys: str) -> Place:
    named = {"url": url, "token": "secret:TOKEN", "env": "PRO", "app": "shop", "cluster": "default", "namespace": "application"}
    return Place(ConfigPlace("apollo", {**named, "key": "db", "operator": "apollo", **keys}), lambda: centre.live, centre)


def opened(name: str) -> Iterator[Place]:
    if name == "apollo":
        apollo = FakeApollo(_OLD)
        with serving(apollo) as server:
            yield apollo_place(server.url, apollo)
        return
    nacos = FakeNacos(_OLD, name.removeprefix("nacos-"))
    with serving(nacos) as server:
        yield nacos_place(server.url, nacos)


@pytest.fixture(params=["fake", "file", *_CENTRES])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "fake":
        at = ConfigPlace("file", {"path": "/etc/app.yaml"})
        fake = FakeConfigs(_OLD, at=at)
        yield Place(at, lambda: fake.text, configs=fake)
    elif request.param == "file":
        yield file_place(tmp_path)
    else:
        yield from opened(request.param)


@pytest.fixture(params=_CENTRES)
def remote(request: pytest.FixtureRequest) -> Iterator[Place]:
    yield from opened(request.param)


@pytest.fixture
def apollo() -> FakeApollo:
    return FakeApollo(_OLD)


# ------------------------------------------------------------ every keeper


def test_a_swap_is_what_applications_get_and_the_way_back_is_exact(place: Place) -> None:
    assert place.configs.read(place.place) == _OLD

    place.swap()
    assert place.live() == place.configs.read(place.place) == _NEW
    place.swap(_NEW, _OLD)

    assert place.live() == _OLD


def test_a_swap_that_was_made_already_is_a_success(place: Place) -> None:
    place.swap()
    place.swap()

    assert place.live() == _NEW


def test_a_text_that_somebody_else_has_changed_is_not_written_over(place: Place) -> None:
    with pytest.raises(Fatal, match="somebody else has changed") as failed:
        place.swap(before="url: db-c:5432\n")

    assert (failed.value.code, place.live()) == ("A286", _OLD)


def test_a_text_that_is_not_there_is_told(place: Place) -> None:
    keys = {**place.place.keys, "path": "/no/such/file", "data_id": "gone.yaml", "key": "gone"}

    with pytest.raises(Fatal) as failed:
        place.configs.read(ConfigPlace(place.place.keeper, keys))

    assert failed.value.code == "A284"


# ------------------------------------------------------------ what answers over a network


def test_a_lost_answer_is_read_back_and_not_repeated(remote: Place) -> None:
    assert remote.centre is not None
    remote.centre.lose = {"POST"}  # obeyed, but nobody hears of it

    remote.swap()

    assert remote.live() == _NEW
    assert not remote.centre.lose


@pytest.mark.parametrize("method", ["-POST", "-PUT"])
def test_a_write_that_never_arrived_may_be_tried_again(remote: Place, method: str) -> None:
    assert remote.centre is not None
    if method == "-PUT" and isinstance(remote.centre, FakeNacos):
        return  # Nacos has no such write
    remote.centre.lose = {method}

    with pytest.raises(Retryable) as failed:
        remote.swap()
    assert (failed.value.code, remote.live()) == ("A180", _OLD)

    remote.swap()
    assert remote.live() == _NEW


def test_a_write_whose_end_cannot_be_read_back_is_in_doubt(remote: Place) -> None:
    centre = remote.centre
    assert centre is not None

    def fall_down() -> None:
        centre.down = True
        centre.lose.add("POST")
        centre.lose.add("PUT")

    centre.before_write = fall_down

    with pytest.raises(InDoubt) as failed:
        remote.swap()

    assert failed.value.code == "A380"


def test_a_centre_that_is_down_is_retried_and_nothing_was_touched(remote: Place) -> None:
    assert remote.centre is not None
    remote.centre.down = True

    with pytest.raises(Retryable) as failed:
        remote.swap()

    assert (failed.value.code, failed.value.untouched) == ("A180", True)


def test_wrong_credentials_are_refused_and_not_shown(remote: Place) -> None:
    keys = {**remote.place.keys, "password": "wrong-password", "token": "wrong-password"}

    with pytest.raises(Fatal) as failed:
        remote.configs.read(ConfigPlace(remote.place.keeper, keys))

    assert failed.value.code == "A285"
    assert "wrong-password" not in str(failed.value)


# ------------------------------------------------------------ what each keeper has of its own


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path) -> None:
    place = file_place(tmp_path)
    path = tmp_path / "app.yaml"
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)

    place.configs.swap(ConfigPlace("file", {"path": str(link)}), _OLD, _NEW)

    assert (link.is_symlink(), path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (True, _NEW, 0o640)
    assert sorted(row.name for row in tmp_path.iterdir()) == ["app.yaml", "link.yaml"]


def test_a_file_that_is_no_text_or_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    for path, code in ((tmp_path / "binary", "A284"), (tmp_path, "A285")):
        with pytest.raises(Fatal) as failed:
            kept().read(ConfigPlace("file", {"path": str(path)}))
        assert failed.value.code == code


def test_nacos_itself_compares_before_it_writes() -> None:
    centre = FakeNacos(_OLD, "v3")

    def somebody_else() -> None:
        centre.text = "url: db-c:5432\n"

    centre.before_write = somebody_else
    with serving(centre) as server, pytest.raises(Fatal) as failed:
        nacos_place(server.url, centre).swap()

    assert (failed.value.code, centre.text) == ("A286", "url: db-c:5432\n")


def test_nacos_keeps_the_type_of_a_text() -> None:
    centre = FakeNacos(_OLD, "v3")
    with serving(centre) as server:
        nacos_place(server.url, centre, type="").swap()

    assert centre.type == "yaml"


def test_apollo_releases_once_and_takes_nobody_elses_edit_along(apollo: FakeApollo) -> None:
    apollo.items["timeout"] = "50"
    with serving(apollo) as server:
        place = apollo_place(server.url, apollo)
        with pytest.raises(Fatal) as failed:
            place.swap()
        assert (failed.value.code, apollo.live, apollo.items["db"]) == ("A286", _OLD, _OLD)
        apollo.items["timeout"] = "5"
        place.swap()

    assert (apollo.live, apollo.releases) == (_NEW, 1)


def test_apollo_respects_somebody_elses_lock(apollo: FakeApollo) -> None:
    apollo.locked_by = "zhang"
    with serving(apollo) as server, pytest.raises(Fatal, match="being edited by zhang") as failed:
        apollo_place(server.url, apollo).swap()

    assert (failed.value.code, apollo.items["db"]) == ("A285", _OLD)


def test_an_edit_in_apollo_that_was_never_released_is_released_or_taken_back(apollo: FakeApollo) -> None:
    with serving(apollo) as server:
        place = apollo_place(server.url, apollo)
        apollo.lose = {"-POST"}
        with pytest.raises(Retryable):
            place.swap()
        assert (apollo.items["db"], apollo.live) == (_NEW, _OLD)

        place.swap(_NEW, _OLD)  # the way back
        assert (apollo.items["db"], apollo.live, apollo.releases) == (_OLD, _OLD, 0)

        apollo.lose = {"-POST"}
        with pytest.raises(Retryable):
            place.swap()
        place.swap()  # or the next try

    assert (apollo.live, apollo.releases) == (_NEW, 1)
