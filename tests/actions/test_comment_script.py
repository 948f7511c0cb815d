# SPDX-License-Identifier: Apache-2.0
"""The action's comment, against a server that keeps comments: one for each measurement, replaced by the next run; refusals in words."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from comment_server import TOKEN, comment_server

SCRIPT = Path(__file__).resolve().parents[2] / ".github/actions/bench/comment.sh"
ODD = "a \"quoted\" \\ back\\slash, $HOME `id` $(id) 'single', tab\t, %s, é ☃ 😀\n\n| a | b |\n"
pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl", "python3"))), reason="needs bash, curl and python3")


@pytest.fixture
def server():
    with comment_server() as running:
        yield running


def comment(server, folder, table, *, name="digits-host", job="bench", token=TOKEN, url=None):
    (folder / "table.md").write_text(table, encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"], "OUT": str(folder), "TOKEN": token, "PULL_REQUEST": "7", "NAME": name, "GITHUB_REPOSITORY": "who/what",
        "GITHUB_API_URL": url or server.url, "GITHUB_WORKFLOW": "bench on a board", "GITHUB_JOB": job,
    }  # fmt: skip
    return subprocess.run(["bash", SCRIPT], env=environment, capture_output=True, text=True, timeout=60, check=False)


def posted(server):
    return [method for method, _ in server.asked if method != "GET"]


def test_the_first_run_posts_and_the_next_one_replaces_it(server, tmp_path):
    server.add("somebody's words"), server.add(None)
    for table in ("first", "second", "third"):
        ran = comment(server, tmp_path, table)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert posted(server) == ["POST", "PATCH", "PATCH"]
    assert server.asked[0] == ("GET", "/repos/who/what/issues/7/comments?per_page=100&page=1")
    assert [kept["body"] for kept in server.comments] == [
        "somebody's words", None, "<!-- tinytl bench bench on a board bench digits-host -->\nthird\n"[:-1],
    ]  # fmt: skip


def test_measurements_of_one_job_have_a_comment_each(server, tmp_path):
    for name in ("digits-host", "digits-qemu-mps2-an386", "digits-host"):
        assert comment(server, tmp_path, f"table of {name}", name=name).returncode == 0
    assert comment(server, tmp_path, "another job", job="nightly").returncode == 0
    assert posted(server) == ["POST", "POST", "PATCH", "POST"]
    assert [kept["body"].partition("\n")[2] for kept in server.comments] == [
        "table of digits-host", "table of digits-qemu-mps2-an386", "another job",
    ]  # fmt: skip


def test_our_comment_is_found_behind_pages_of_others(server, tmp_path):
    for number in range(205):
        server.add(f"comment {number}, which quotes <!-- tinytl bench bench on a board bench digits-host -->")
    assert comment(server, tmp_path, "first").returncode == 0
    assert [path.rpartition("=")[2] for method, path in server.asked if method == "GET"] == ["1", "2", "3"]
    server.asked.clear()
    assert comment(server, tmp_path, "second").returncode == 0
    assert posted(server) == ["PATCH"] and len(server.comments) == 206
    assert server.comments[205]["body"].endswith("\nsecond")
    assert all(kept["body"].startswith("comment ") for kept in server.comments[:205])


def test_a_full_last_page_ends_the_search(server, tmp_path):
    for number in range(100):
        server.add(f"comment {number}")
    assert comment(server, tmp_path, "table").returncode == 0
    assert posted(server) == ["POST"]


def test_odd_text_arrives_as_it_is(server, tmp_path):
    assert comment(server, tmp_path, ODD).returncode == 0
    assert server.comments[0]["body"].partition("\n")[2] == ODD


def test_a_table_that_is_too_long_is_cut(server, tmp_path):
    assert comment(server, tmp_path, "☃" * 70_000).returncode == 0
    assert len(server.comments[0]["body"]) < 65_536
    assert server.comments[0]["body"].endswith("☃\n\n… the rest is in the artifact.")


@pytest.mark.parametrize(
    ("status", "text", "hint"), [(403, "Resource not accessible by integration", "pull-requests: write"), (500, "it rains", "")]
)
def test_a_server_that_refuses_fails_the_step_in_words(server, tmp_path, status, text, hint):
    server.refuse = status, text
    ran = comment(server, tmp_path, "table")
    assert ran.returncode == 1
    assert f"/comments?per_page=100&page=1 answered {status}: " in ran.stderr and text in ran.stderr and hint in ran.stderr
    assert posted(server) == []


def test_a_wrong_token_or_no_server_fails_the_step_in_words(server, tmp_path):
    ran = comment(server, tmp_path, "table", token="another")
    assert ran.returncode == 1 and "answered 401" in ran.stderr and "another" not in ran.stderr
    ran = comment(server, tmp_path, "table", url="http://127.0.0.1:9")
    assert ran.returncode == 1 and "comment: GET http://127.0.0.1:9/repos/who/what/issues/7/comments" in ran.stderr
    assert "got no answer" in ran.stderr
