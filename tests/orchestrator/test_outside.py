"""Which settings besides the services wait for a restart of the daemon."""

from __future__ import annotations

from pathlib import Path

from tradewarden.orchestrator.outside import Outside

BEGAN = '[http]\nport = 18600\nhost = "::1"\n[services.a]\ncommand = "true"\n'


def test_settings_that_differ_since_the_daemon_began_are_named_and_services_are_not(tmp_path: Path) -> None:
    file = tmp_path / "tradewarden.toml"
    file.write_text(BEGAN)
    outside = Outside(file)
    assert outside.changed() == ()
    file.write_text('[http]\nport = 18601\n[accounts.second]\napi_key = "x"\n[services.b]\ncommand = "false"\n')
    assert outside.changed() == ("accounts.second.api_key", "http.host", "http.port")
    file.write_text(f'{BEGAN}[jobs]\nedits = "next start"\nkeep = "30d"\n')
    assert outside.changed() == ("jobs.keep",), "what each job says of its own holds at once"
    file.write_text(f"# the same in other words\n{BEGAN}")
    assert outside.changed() == ()


def test_a_desk_without_a_file_and_a_broken_or_missing_one_break_nothing(tmp_path: Path) -> None:
    assert Outside(None).changed() == ()
    file = tmp_path / "tradewarden.toml"
    file.write_text("[http]\nport = 1\n")
    outside = Outside(file)
    file.write_text("x = [")
    assert outside.changed() == ("http.port",)
    file.unlink()
    assert outside.changed() == ("http.port",)
