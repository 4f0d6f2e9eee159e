"""Settings: every variable of docs/reference/settings.md, where it may come from, and the message about a wrong one."""

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from worker.domain.evidence.questions import Premises
from worker.domain.orders.services import Untyped
from worker.settings.model import (
    Address,
    LogFormat,
    LogLevel,
    ReconcileMode,
    Settings,
    SettingsError,
    Switch,
    Tracing,
    load,
)

KEY = "s3cret-key"
PASSWORD = "pa%2Fss"

NEEDED = {
    "ORDER_SYNC_DATABASE_URL": f"postgresql://shop:{PASSWORD}@db:5432/shop",
    "ORDER_SYNC_PANELS__DEFAULT__URL": "https://panel.example/api/v2",
    "ORDER_SYNC_PANELS__DEFAULT__KEY": KEY,
}


def with_(**variables: str) -> dict[str, str]:
    return NEEDED | {f"ORDER_SYNC_{name}": value for name, value in variables.items()}


def problems(environ: dict[str, str], **needs: bool) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(environ, **needs)
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert all("\n" not in problem for problem in caught.value.problems)
    return caught.value.problems


def problem(environ: dict[str, str], **needs: bool) -> str:
    found = problems(environ, **needs)
    assert len(found) == 1, found
    return found[0]


class TestDefaults:
    def test_are_those_of_the_readme(self) -> None:
        settings = load(NEEDED)
        panel = settings.panels["default"]
        assert (panel.requests_per_second, panel.concurrency, panel.timeout, panel.low_balance) == (10, 16, 30, 0)
        assert (panel.user_agent, panel.default_type) == (None, None)
        assert settings.schedule.model_dump() == {
            "submit": 2,
            "statuses": 15,
            "refills": 60,
            "cancels": 5,
            "services": 3600,
            "balance": 300,
            "reconcile": 60,
            "audit": 86_400,
            "housekeeping": 3600,
        }
        assert settings.retention.model_dump() == {"days": 90}
        assert settings.polling.model_dump() == {"fastest": 30, "slowest": 3600, "settlement": 604_800}
        assert settings.audit.model_dump() == {"threshold": Decimal("0.01")}
        assert settings.reconcile.model_dump() == {
            "mode": "auto",
            "settle": 300,
            "late": None,
            "hidden": None,
            "distinct": "off",
        }
        assert settings.reconcile.premises() == Premises(late=300, hidden=300)
        assert settings.drain == 25
        assert settings.listen == Address(host="127.0.0.1", port=9464)
        assert settings.log.model_dump() == {"format": "auto", "level": "info"}

    def test_an_empty_variable_counts_as_unset(self) -> None:
        assert load(with_(DRAIN="", PANELS__DEFAULT__KEY_FILE=" ", CONFIG="")) == load(NEEDED)

    def test_other_programs_variables_are_left_alone(self) -> None:
        assert load(NEEDED | {"PATH": "/bin", "ORDERSYNC_X": "1", "order_sync_drain": "x"}) == load(NEEDED)

    def test_names_for_the_tests_are_left_alone(self) -> None:
        assert load(with_(TEST_POSTGRES="x")) == load(NEEDED)

    def test_what_kubernetes_adds_for_a_service_is_left_alone(self) -> None:
        added = {
            "SERVICE_HOST": "10.0.0.1",
            "SERVICE_PORT": "9464",
            "SERVICE_PORT_METRICS": "9464",
            "PORT": "tcp://10.0.0.1:9464",
            "PORT_9464_TCP": "tcp://10.0.0.1:9464",
            "PORT_9464_TCP_PROTO": "tcp",
            "PORT_9464_TCP_PORT": "9464",
            "PORT_9464_TCP_ADDR": "10.0.0.1",
            "METRICS_SERVICE_HOST": "10.0.0.1",
        }
        assert load(with_(**added)) == load(NEEDED)
        assert "ORDER_SYNC_PORT:" in problem(with_(PORT="9464"))


class TestValues:
    @pytest.mark.parametrize(
        ("name", "value", "path", "expected"),
        [
            ("PANELS__DEFAULT__REQUESTS_PER_SECOND", "0.5", "panels.default.requests_per_second", 0.5),
            ("PANELS__DEFAULT__CONCURRENCY", "4", "panels.default.concurrency", 4),
            ("PANELS__DEFAULT__TIMEOUT", "12.5", "panels.default.timeout", 12.5),
            ("PANELS__DEFAULT__LOW_BALANCE", "0.10", "panels.default.low_balance", Decimal("0.10")),
            ("PANELS__DEFAULT__DEFAULT_TYPE", "custom_comments", "panels.default.default_type", "Custom Comments"),
            ("PANELS__DEFAULT__USER_AGENT", "Mozilla/5.0", "panels.default.user_agent", "Mozilla/5.0"),
            ("SCHEDULE__SUBMIT", "1", "schedule.submit", 1),
            ("SCHEDULE__STATUSES", "1", "schedule.statuses", 1),
            ("SCHEDULE__REFILLS", "1", "schedule.refills", 1),
            ("SCHEDULE__CANCELS", "1", "schedule.cancels", 1),
            ("SCHEDULE__SERVICES", "1", "schedule.services", 1),
            ("SCHEDULE__BALANCE", "1", "schedule.balance", 1),
            ("SCHEDULE__RECONCILE", "1", "schedule.reconcile", 1),
            ("SCHEDULE__AUDIT", "1", "schedule.audit", 1),
            ("SUBMIT__TRIES", "5", "submit.tries", 5),
            ("AUDIT__THRESHOLD", "2.5", "audit.threshold", Decimal("2.5")),
            ("POLLING__FASTEST", "5", "polling.fastest", 5),
            ("POLLING__SLOWEST", "60", "polling.slowest", 60),
            ("POLLING__SETTLEMENT", "86400", "polling.settlement", 86_400),
            ("RECONCILE__MODE", "Suggest", "reconcile.mode", ReconcileMode.SUGGEST),
            ("RECONCILE__SETTLE", "31.5", "reconcile.settle", 31.5),
            ("RECONCILE__LATE", "45", "reconcile.late", 45),
            ("RECONCILE__HIDDEN", "20.5", "reconcile.hidden", 20.5),
            ("RECONCILE__DISTINCT", "on", "reconcile.distinct", Switch.ON),
            ("DRAIN", "0.5", "drain", 0.5),
            ("LOG__FORMAT", "JSON", "log.format", LogFormat.JSON),
            ("LOG__LEVEL", "Debug", "log.level", LogLevel.DEBUG),
            ("TRACING", "OTLP", "tracing", Tracing.OTLP),
        ],
    )
    def test_each_variable_reaches_its_field(self, name: str, value: str, path: str, expected: object) -> None:
        found: object = load(with_(**{name: value}))
        for step in path.split("."):
            found = found[step] if isinstance(found, dict) else getattr(found, step)
        assert found == expected
        assert type(found) is type(expected) or isinstance(found, float)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("10.0.0.1:80", Address(host="10.0.0.1", port=80)),
            ("[::1]:9464", Address(host="::1", port=9464)),
            (":9464", Address(host=None, port=9464)),
            ("localhost:0", Address(host="localhost", port=0)),
            ("", None),
        ],
    )
    def test_listen(self, value: str, expected: Address | None) -> None:
        assert load(with_(LISTEN=value)).listen == expected

    @pytest.mark.parametrize("value", ["9464", "::1:9464", "host:", "host:x", "host:65536", "host:-1", "host:²"])
    def test_listen_wrong(self, value: str) -> None:
        assert problem(with_(LISTEN=value)).startswith("ORDER_SYNC_LISTEN: must be host:port")

    @pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "ten", "30s", "1e999"])
    @pytest.mark.parametrize("name", ["DRAIN", "SCHEDULE__SUBMIT", "PANELS__DEFAULT__REQUESTS_PER_SECOND"])
    def test_a_number_is_positive_and_finite(self, name: str, value: str) -> None:
        said = problem(with_(**{name: value}))
        assert said.startswith(f"ORDER_SYNC_{name}: must be a number")
        assert repr(value) in said

    @pytest.mark.parametrize("name", ["DRAIN", "SCHEDULE__SUBMIT", "POLLING__FASTEST", "PANELS__DEFAULT__TIMEOUT"])
    def test_a_time_is_not_next_to_nothing(self, name: str) -> None:
        load(with_(**{name: "0.05"}))
        said = problem(with_(**{name: "0.049"}))
        assert said.startswith(f"ORDER_SYNC_{name}: must be at least 0.05 seconds, and is 0.049: ")

    @pytest.mark.parametrize("value", ["0", "-1", "1.5", "x", "²", "1e3"])
    @pytest.mark.parametrize("name", ["PANELS__DEFAULT__CONCURRENCY", "SUBMIT__TRIES"])
    def test_a_count_is_whole_and_positive(self, name: str, value: str) -> None:
        assert problem(with_(**{name: value})).startswith(f"ORDER_SYNC_{name}: must be a whole number above 0")

    @pytest.mark.parametrize("value", ["-0.01", "nan", "Infinity", "5 USD"])
    def test_money_is_an_amount(self, value: str) -> None:
        said = problem(with_(PANELS__DEFAULT__LOW_BALANCE=value))
        assert said.startswith("ORDER_SYNC_PANELS__DEFAULT__LOW_BALANCE: must be an amount of 0 or more")

    def test_a_type_is_a_known_one(self) -> None:
        said = problem(with_(PANELS__DEFAULT__DEFAULT_TYPE="Livestream"))
        assert said.startswith("ORDER_SYNC_PANELS__DEFAULT__DEFAULT_TYPE: must be a type of services, one of Default, ")
        assert said.endswith("Subscriptions; and not 'Livestream'")

    def test_the_setting_of_a_type_is_named_also_for_other_panels(self) -> None:
        settings = load(with_(PANELS__DEFAULT__DEFAULT_TYPE="package"))
        assert settings.untyped("default") == Untyped("ORDER_SYNC_PANELS__DEFAULT__DEFAULT_TYPE", "Package")
        assert settings.untyped("other") == Untyped("ORDER_SYNC_PANELS__OTHER__DEFAULT_TYPE")

    @pytest.mark.parametrize("name", ["LOG__FORMAT", "LOG__LEVEL", "RECONCILE__MODE", "TRACING"])
    def test_a_word_is_one_of_a_few(self, name: str) -> None:
        assert problem(with_(**{name: "loud"})).startswith(f"ORDER_SYNC_{name}: must be one of ")

    def test_the_bounds_of_polling_are_in_order(self) -> None:
        assert load(with_(POLLING__FASTEST="60", POLLING__SLOWEST="60")).polling.slowest == 60
        said = problem(with_(POLLING__FASTEST="7200"))
        assert said.startswith("ORDER_SYNC_POLLING__SLOWEST: must not be below ORDER_SYNC_POLLING__FASTEST (7200)")

    def test_an_unconfirmed_order_is_not_examined_while_its_call_may_go_on(self) -> None:
        load(with_(RECONCILE__SETTLE="30"))
        load(with_(RECONCILE__SETTLE="1", RECONCILE__LATE="30"))
        said = problem(with_(RECONCILE__LATE="29"))
        assert said.startswith("ORDER_SYNC_RECONCILE__LATE: must not be below the longest TIMEOUT (30), and is 29:")
        said = problem(with_(RECONCILE__SETTLE="29.5", PANELS__B__URL="http://b", PANELS__B__KEY="other", DRAIN="1"))
        assert said.startswith(
            "ORDER_SYNC_RECONCILE__SETTLE: must not be below the longest TIMEOUT (30), and is 29.5: a call "
        )
        said = problem(with_(PANELS__B__URL="http://b", PANELS__B__KEY="other", PANELS__B__TIMEOUT="301"))
        assert said.startswith("ORDER_SYNC_RECONCILE__SETTLE: must not be below the longest TIMEOUT (301), and is 300:")
        assert said.endswith("; raise it, or lower ORDER_SYNC_PANELS__B__TIMEOUT")

    @pytest.mark.parametrize("value", ["Bot/1\r\nX-Evil: 1", "Bröt"])
    def test_a_user_agent_fits_into_a_header(self, value: str) -> None:
        assert "USER_AGENT: must be ASCII" in problem(with_(PANELS__DEFAULT__USER_AGENT=value))

    def test_settings_are_frozen(self) -> None:
        settings = load(NEEDED)
        with pytest.raises(ValidationError):
            settings.drain = 1  # type: ignore[misc]  # that it can't is what is tested
        with pytest.raises(ValidationError):
            settings.panels["default"].timeout = 1  # type: ignore[misc]


class TestDatabase:
    @pytest.mark.parametrize(
        ("given", "used"),
        [
            ("postgresql://u:p@h:5432/d", "postgresql://u:p@h:5432/d"),
            ("postgres://u@h/d?sslmode=require", "postgresql://u@h/d?sslmode=require"),
            ("postgresql:///d?host=/run/postgresql", "postgresql:///d?host=/run/postgresql"),
            ("postgresql://a:1,b:2/d", "postgresql://a:1,b:2/d"),
            (" postgresql://h/d\n", "postgresql://h/d"),
        ],
    )
    def test_url(self, given: str, used: str) -> None:
        assert load(with_(DATABASE_URL=given)).database_url.get_secret_value() == used

    @pytest.mark.parametrize(
        "value",
        [
            "mysql://u:hush@h/d",
            "host=h password=hush",
            "postgresql://",
            "hush",
            "postgresql://u:hush#x@h/d",
            "postgresql://u:x@hush@h/d",
            "postgresql://u:hush%zz@h/d",
            "postgresql://u:hush@[::1/d",
            "postgresql://u:hush@h/d?hush=1",
        ],
    )
    def test_url_wrong_and_not_shown(self, value: str) -> None:
        said = problem(with_(DATABASE_URL=value))
        assert said.startswith("ORDER_SYNC_DATABASE_URL: ")
        assert "hush" not in said

    def test_is_missed_only_by_who_needs_it(self) -> None:
        environ = {name: value for name, value in NEEDED.items() if "DATABASE" not in name}
        assert problem(environ).startswith("ORDER_SYNC_DATABASE_URL: is missing; set it to postgresql://")
        assert not load(environ, need_database=False).database_url

    def test_another_can_be_put_in_its_place(self) -> None:
        settings = load(NEEDED).with_database("postgresql://postgres@/order_sync?host=%2Fs&port=5432")
        assert settings.database_url.get_secret_value() == "postgresql://postgres@/order_sync?host=%2Fs&port=5432"
        assert settings.panels == load(NEEDED).panels
        assert settings.secrets() == {KEY}


class TestPanels:
    def test_names_are_lower_case(self) -> None:
        settings = load(
            with_(
                PANELS__MY_SHOP__URL="http://127.0.0.1:8000/",
                PANELS__MY_SHOP__KEY="other-key",
                PANELS__My__2__URL="http://x",
                PANELS__MY__2__KEY="other-key",
            )
        )
        assert set(settings.panels) == {"default", "my_shop", "my__2"}

    def test_a_name_of_other_letters_is_refused(self) -> None:
        said = problem(with_(PANELS__GRÖSSE__URL="http://x"))
        assert said.startswith("ORDER_SYNC_PANELS__GRÖSSE__URL: a panel's name is made of")

    @pytest.mark.parametrize(
        "value",
        [
            "panel.example/api",
            "ftp://panel.example",
            "https://",
            "https:///api",
            "http://h:x/",
            "http://[::1",
            "http://a b/",
        ],
    )
    def test_url_wrong(self, value: str) -> None:
        assert problem(with_(PANELS__DEFAULT__URL=value)).startswith(
            "ORDER_SYNC_PANELS__DEFAULT__URL: must be the address of the panel's API"
        )

    def test_a_url_with_user_info_is_refused_and_not_shown(self) -> None:
        said = problem(with_(PANELS__DEFAULT__URL="https://user:hush@panel.example/"))
        assert said.startswith("ORDER_SYNC_PANELS__DEFAULT__URL: must not hold a user name or password")
        assert "hush" not in said

    @pytest.mark.parametrize("name", ["key", "API_KEY", "apikey", "api-key", "token"])
    def test_a_url_with_a_key_is_refused_and_not_shown(self, name: str) -> None:
        said = problem(with_(PANELS__DEFAULT__URL=f"https://panel.example/api/v2?v=2&{name}=hush"))
        assert said.startswith("ORDER_SYNC_PANELS__DEFAULT__URL: must not hold a key after the ?")
        assert "hush" not in said

    def test_a_url_may_have_another_query(self) -> None:
        url = "https://panel.example/index.php?route=api"
        assert load(with_(PANELS__DEFAULT__URL=url)).panels["default"].url == url

    @pytest.mark.parametrize(
        "url",
        [
            "https://panel.example/api/v2",
            "https://PANEL.example./api/v2/",
            "https://panel.example:443/api/v2",
            "http://panel.example/api/v2",
            "https://panel.example/api/v2?lang=en",
        ],
    )
    def test_two_names_for_one_account_are_refused(self, url: str) -> None:
        said = problem(with_(PANELS__SHOP__URL=url, PANELS__SHOP__KEY=KEY))
        assert said.startswith(
            "ORDER_SYNC_PANELS__SHOP__URL: the panels default and shop have the same address and key, and the worker "
        )
        assert said.endswith("; remove one of them, or set the key of another account")

    @pytest.mark.parametrize(
        ("url", "key"),
        [
            ("https://panel.example/api/v2", KEY.upper()),
            ("https://panel.example:8443/api/v2", KEY),
            ("https://www.panel.example/api/v2", KEY),
            ("https://panel.example/API/v2", KEY),
        ],
    )
    def test_two_accounts_are_not(self, url: str, key: str) -> None:
        assert set(load(with_(PANELS__SHOP__URL=url, PANELS__SHOP__KEY=key)).panels) == {"default", "shop"}

    def test_half_a_panel_is_named(self) -> None:
        assert problems(with_(PANELS__A__URL="http://a", PANELS__B__KEY="other-key")) == (
            "ORDER_SYNC_PANELS__A__KEY: is missing; set it, or ORDER_SYNC_PANELS__A__KEY_FILE to a file that holds it",
            "ORDER_SYNC_PANELS__B__URL: is missing; set it",
        )

    def test_a_key_is_on_one_line(self) -> None:
        said = problem(with_(PANELS__DEFAULT__KEY="hush\nhush"))
        assert said.startswith("ORDER_SYNC_PANELS__DEFAULT__KEY: contains a line break")
        assert "hush" not in said

    def test_a_key_is_long_enough_to_be_found_in_a_text(self) -> None:
        said = problem(with_(PANELS__DEFAULT__KEY="#%"))
        assert said.startswith("ORDER_SYNC_PANELS__DEFAULT__KEY: is shorter than 3 characters")
        assert "#%" not in said
        assert load(with_(PANELS__DEFAULT__KEY="#%&")).panels["default"].key.get_secret_value() == "#%&"

    def test_are_missed_only_by_who_needs_them(self) -> None:
        environ = {"ORDER_SYNC_DATABASE_URL": "postgresql://h/d"}
        assert problem(environ).startswith("ORDER_SYNC_PANELS__DEFAULT__URL: is missing")
        assert load(environ, need_panels=False).panels == {}


class TestUnknownNames:
    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("DATABASE", "DATABASE_URL"),
            ("SCHEDUL__SUBMIT", "SCHEDULE__SUBMIT"),
            ("LISTEN_", "LISTEN"),
            ("PANELS__SHOP__APIKEY", "PANELS__SHOP__KEY"),
            ("PANEL__DEFAULT__URL", "PANELS__DEFAULT__URL"),
        ],
    )
    def test_are_refused_with_a_suggestion(self, name: str, meant: str) -> None:
        assert problem(with_(**{name: "hush"})) == (
            f"ORDER_SYNC_{name}: there is no such setting; did you mean ORDER_SYNC_{meant}?"
        )

    def test_are_refused_without_one_where_nothing_is_near(self) -> None:
        assert problem(with_(XYZZY="1")).startswith("ORDER_SYNC_XYZZY: there is no such setting; remove it")


class TestSecretFiles:
    def test_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "url").write_text("postgresql://h/d\n")
        (tmp_path / "key").write_text(f"  {KEY}\r\n")
        settings = load(
            {
                "ORDER_SYNC_DATABASE_URL_FILE": str(tmp_path / "url"),
                "ORDER_SYNC_PANELS__A__URL": "http://a",
                "ORDER_SYNC_PANELS__A__KEY_FILE": str(tmp_path / "key"),
            }
        )
        assert settings.database_url.get_secret_value() == "postgresql://h/d"
        assert settings.panels["a"].key.get_secret_value() == KEY

    def test_with_the_variable_too_are_refused(self, tmp_path: Path) -> None:
        said = problem(with_(PANELS__DEFAULT__KEY_FILE=str(tmp_path / "key")))
        assert said == (
            "ORDER_SYNC_PANELS__DEFAULT__KEY_FILE: is given together with ORDER_SYNC_PANELS__DEFAULT__KEY; "
            "keep one of them"
        )

    @pytest.mark.parametrize(("content", "said"), [(None, "No such file"), (b" \n", "is empty"), (b"\xff", "UTF-8")])
    def test_that_cannot_be_used_are_named(self, tmp_path: Path, content: bytes | None, said: str) -> None:
        file = tmp_path / "url"
        if content is not None:
            file.write_bytes(content)
        environ = {name: value for name, value in NEEDED.items() if "DATABASE" not in name}
        found = problem(environ | {"ORDER_SYNC_DATABASE_URL_FILE": str(file)})
        assert found.startswith("ORDER_SYNC_DATABASE_URL_FILE: ")
        assert str(file) in found
        assert said in found

    @pytest.mark.parametrize("value", ["hush", "hush\0"])
    def test_a_secret_in_the_place_of_its_file_is_not_shown(self, value: str) -> None:
        environ = {name: value for name, value in NEEDED.items() if "KEY" not in name}
        found = problem(environ | {"ORDER_SYNC_PANELS__DEFAULT__KEY_FILE": value})
        assert found.startswith("ORDER_SYNC_PANELS__DEFAULT__KEY_FILE: can't read the file that it names")
        assert "hush" not in found


class TestConfigFile:
    FLAT = f"""
        ORDER_SYNC_DATABASE_URL = "{NEEDED["ORDER_SYNC_DATABASE_URL"]}"
        ORDER_SYNC_PANELS__DEFAULT__URL = "{NEEDED["ORDER_SYNC_PANELS__DEFAULT__URL"]}"
        ORDER_SYNC_PANELS__DEFAULT__KEY = "{KEY}"
        ORDER_SYNC_DRAIN = 5
    """
    NESTED = f"""
        database_url = "{NEEDED["ORDER_SYNC_DATABASE_URL"]}"
        drain = 5
        [panels.default]
        url = "{NEEDED["ORDER_SYNC_PANELS__DEFAULT__URL"]}"
        key = "{KEY}"
    """

    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        return tmp_path / "order-sync.toml"

    @pytest.mark.parametrize("text", [FLAT, NESTED])
    def test_takes_both_spellings(self, config: Path, text: str) -> None:
        config.write_text(text)
        assert load({"ORDER_SYNC_CONFIG": str(config)}) == load(with_(DRAIN="5"))

    def test_the_environment_wins(self, config: Path) -> None:
        config.write_text(self.NESTED)
        environ = {"ORDER_SYNC_CONFIG": str(config), "ORDER_SYNC_DRAIN": "7", "ORDER_SYNC_PANELS__DEFAULT__KEY": "key2"}
        settings = load(environ)
        assert settings.drain == 7
        assert settings.panels["default"].key.get_secret_value() == "key2"

    def test_a_secret_of_the_environment_wins_over_a_file_for_it(self, config: Path, tmp_path: Path) -> None:
        config.write_text('[panels.default]\nkey_file = "/nowhere"\n')
        assert load(with_(CONFIG=str(config))) == load(NEEDED)
        config.write_text(self.NESTED)
        (tmp_path / "key").write_text("key2")
        environ = {"ORDER_SYNC_CONFIG": str(config), "ORDER_SYNC_PANELS__DEFAULT__KEY_FILE": str(tmp_path / "key")}
        assert load(environ).panels["default"].key.get_secret_value() == "key2"

    def test_money_stays_exact(self, config: Path) -> None:
        config.write_text("[panels.default]\nlow_balance = 0.10000000000000000001\n")
        assert load(with_(CONFIG=str(config))).panels["default"].low_balance == Decimal("0.10000000000000000001")

    def test_an_empty_listen_is_none(self, config: Path) -> None:
        config.write_text('listen = ""\n')
        assert load(with_(CONFIG=str(config))).listen is None
        config.write_text('listen = ":1"\n')
        assert load(with_(CONFIG=str(config), LISTEN="")).listen is None

    def test_a_panel_name_with_a_dash(self, config: Path) -> None:
        config.write_text('[panels.My-Shop]\nurl = "http://x"\nkey = "other-key"\n')
        assert set(load(with_(CONFIG=str(config))).panels) == {"default", "my-shop"}

    def test_names_are_told_as_they_were_written(self, config: Path) -> None:
        config.write_text("[schedul]\nsubmit = 1\n[polling]\nfastest = false\n[log]\nlevel = ['info']\n")
        assert problems(with_(CONFIG=str(config))) == (
            f"log.level (in {config}): must be a text or a number",
            f"schedul.submit (in {config}): there is no such setting; did you mean ORDER_SYNC_SCHEDULE__SUBMIT?",
            f"polling.fastest (in {config}): must be a number of seconds above 0, like 2.5, and not 'False'",
        )

    def test_the_same_setting_twice_is_refused(self, config: Path) -> None:
        config.write_text("drain = 1\nORDER_SYNC_DRAIN = 2\n")
        said = problem(with_(CONFIG=str(config)))
        assert said == f"ORDER_SYNC_DRAIN (in {config}): is given twice, also as drain (in {config}); keep one of them"

    def test_bad_toml_is_named_with_its_line(self, config: Path) -> None:
        config.write_text("drain = 1\n\nkey = hush\n")
        said = problem(with_(CONFIG=str(config)))
        assert said.startswith(f"ORDER_SYNC_CONFIG: {config} isn't valid TOML: ")
        assert "line 3" in said
        assert "hush" not in said

    @pytest.mark.parametrize("content", [None, b"\xff = 1"])
    def test_a_file_that_cannot_be_read_is_named(self, config: Path, content: bytes | None) -> None:
        if content:
            config.write_bytes(content)
        assert problem({"ORDER_SYNC_CONFIG": str(config)}).startswith("ORDER_SYNC_CONFIG: ")
        assert str(config) in problem({"ORDER_SYNC_CONFIG": str(config)})


class TestSecrets:
    def test_are_every_key_and_the_password_in_both_spellings(self) -> None:
        settings = load(with_(PANELS__B__URL="http://b", PANELS__B__KEY="other"))
        assert settings.secrets() == {KEY, "other", "pa%2Fss", "pa/ss"}

    def test_a_password_may_be_a_parameter(self) -> None:
        assert "hush" in load(with_(DATABASE_URL="postgresql:///d?host=/s&password=hush")).secrets()

    def test_a_password_with_an_at_sign_is_whole(self) -> None:
        assert "p@ss" in load(with_(DATABASE_URL="postgresql://u:p%40ss@h/d")).secrets()

    def test_without_any_there_are_none(self) -> None:
        assert Settings().secrets() == frozenset()

    def test_are_not_in_the_settings_own_text(self) -> None:
        settings = load(NEEDED)
        for text in (repr(settings), str(settings), settings.model_dump_json()):
            assert KEY not in text
            assert PASSWORD not in text

    def test_all_problems_at_once_show_none(self) -> None:
        said = "\n".join(
            problems(with_(DATABASE_URL="x:hush1@y", PANELS__DEFAULT__KEY="hush2\n!", DRAIN="0", NOPE="hush3"))
        )
        assert said.count("\n") == 3
        assert "hush" not in said
