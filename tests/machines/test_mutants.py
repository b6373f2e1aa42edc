"""Faults that the machines might have had: each of them must be noticed by the tests of the machines."""

import pytest

from mutation import Mutant, first_failure

TESTS = {
    "auth": ["test_auth", "test_coupling"],
    "feed": ["test_feed", "test_coupling"],
    "coupling": ["test_coupling"],
    "market": ["test_market"],
    "backoff": ["test_backoff", "test_feed"],
    "statechart": ["test_statechart"],
}

MUTANTS = [
    # The prototype's fourteen
    Mutant("a rejection does not touch a valid token", "auth", '        | valid.to(expired, on="bury")\n', ""),
    Mutant(
        "near its end a token is valid, else expiring",
        "auth",
        "return expires_at is not None and self.now >= expires_at - NEAR_EXPIRY",
        "return expires_at is not None and self.now < expires_at - NEAR_EXPIRY",
    ),
    Mutant(
        "silence needs no silence",
        "feed",
        'streaming.to(stale, cond="is_silent")',
        "streaming.to(stale)",
    ),
    Mutant("a stale stream has no deadline", "feed", "return self.since + GRACE", "return None"),
    Mutant("an unwanted feed stays blocked", "feed", "blocked_on_auth.to(halted) | active", "active"),
    Mutant("the tries are never forgotten", "feed", "            self.attempt = 0\n", "            pass\n"),
    Mutant(
        "an unreachable broker asks for a login",
        "auth",
        '        | verifying.to(unknown, on="shrug")\n',
        '        | verifying.to(required, on="shrug")\n',
    ),
    Mutant(
        "a feed that backs off does not hear that the token is lost",
        "feed",
        '        | active.backing_off.to(blocked_on_auth, on="wait")\n',
        "",
    ),
    Mutant(
        "a socket is not closed when the feed leaves it",
        "feed",
        "before in self.SOCKET_STATES and target.id not in self.SOCKET_STATES",
        'before in self.SOCKET_STATES and target.id == "backing_off"',
    ),
    Mutant(
        "a socket is not closed when the feed backs off",
        "feed",
        "target.id not in self.SOCKET_STATES:",
        'target.id not in (*self.SOCKET_STATES, "backing_off"):',
    ),
    Mutant("the wait has no cap", "backoff", "min(self.cap, self.base << min(tries, _DEEPEST))", "self.base << tries"),
    Mutant(
        "an open socket without a tick has no deadline",
        "feed",
        'case "connected" | "streaming":\n                return self.silent_at()',
        'case "streaming":\n                return self.silent_at()',
    ),
    Mutant(
        "a rejection does not touch an expiring token",
        "auth",
        '        | expiring.to(expired, on="bury")\n',
        "",
    ),
    Mutant(
        "a wanted feed dials without a usable token",
        "feed",
        'halted.to(active.connecting, cond="is_usable", on="take")',
        'halted.to(active.connecting, on="take")',
    ),
    # The token
    Mutant("verifying waits for ever", "auth", "self._patient_from + ANSWER_LIMIT", "None"),
    Mutant("an exchange waits for ever", "auth", "self._exchange_at + ANSWER_LIMIT", "None"),
    Mutant("unknown waits for ever", "auth", "_earliest(retry, self._end_ahead())", "_earliest(self._end_ahead())"),
    Mutant("the clock expires a token", "auth", 'expiring.to(verifying, on="ask")', 'expiring.to(expired, on="ask")'),
    Mutant(
        "a failed login costs the held token",
        "auth",
        'exchange_failed = exchanging.to(verifying, cond="holds", on="ask") | ',
        "exchange_failed = ",
    ),
    Mutant("a refusal casts no doubt", "auth", "self.doubted, self.confirmed = True, False", "self.confirmed = False"),
    Mutant(
        "a refused token counts as confirmed",
        "auth",
        "self.doubted, self.confirmed = True, False",
        "self.doubted = True",
    ),
    Mutant("a doubted token is usable", "auth", "and not self.doubted and", "and"),
    Mutant("a token past its hint is usable", "auth", "now < self.expires_at)", "True)"),
    Mutant(
        "nobody hears that the hint is over",
        "auth",
        "        return None if noticed else self.expires_at\n",
        '        return None if noticed or self.leaf != "expiring" else self.expires_at\n',
    ),
    Mutant(
        "an answer about an older token counts",
        "auth",
        'return bool(facts["gen"] != self._in_question(event))',
        "return self._in_question(event) is None",
    ),
    Mutant(
        "the end of an older login counts",
        "auth",
        'return bool(facts.get("login", self._login) != self._login)',
        "return False",
    ),
    Mutant("a dead value is news again", "auth", "for t in (self.held, self.rejected_token)", "for t in (self.held,)"),
    Mutant(
        "a value that somebody logged out of is news again",
        "auth",
        "            self._waived = self.held.generation\n",
        "            pass\n",
    ),
    Mutant(
        "an empty file costs the token for good",
        "auth",
        '        | valid.to(required, on="drop")\n',
        '        | valid.to(required, on="waive")\n',
    ),
    Mutant(
        "a question is asked twice",
        "auth",
        "if token is None or (self._asked == token.generation and self.now < self._asked_at + ANSWER_LIMIT):",
        "if token is None:",
    ),
    Mutant(
        "an unanswered question silences all later ones",
        "auth",
        "and self.now < self._asked_at + ANSWER_LIMIT):",
        "):",
    ),
    Mutant("a good word does not move a hint that is over", "auth", "or self.now >= self.expires_at else", "else"),
    Mutant(
        "a good word moves a hint that is ahead",
        "auth",
        "return expires_at if self.expires_at is None or",
        "return expires_at if True or",
    ),
    Mutant(
        "the old token's end decides on the new one",
        "auth",
        'exchange_ok = (\n        unknown.to(expiring, cond="ends_soon"',
        'exchange_ok = (\n        unknown.to(expiring, cond="is_near"',
    ),
    Mutant(
        "the old token's end keeps the new one expiring",
        "auth",
        'expiring.to(expiring, internal=True, cond="ends_soon"',
        'expiring.to(expiring, internal=True, cond="is_near"',
    ),
    Mutant(
        "another program's report is not asked",
        "auth",
        "            self._verify(self.rejected_token)\n",
        "            pass\n",
    ),
    Mutant(
        "a reporter who was wrong costs the token",
        "auth",
        "self.held, self.rejected_token = self.rejected_token, None",
        "pass",
    ),
    Mutant("a logout of a dead token is ignored", "auth", '        | expired.to(required, on="waive")\n', ""),
    Mutant(
        "unanswered questions are repeated without backing off",
        "auth",
        "        self._tries += 1\n        self.reason",
        "        self.reason",
    ),
    Mutant(
        "a probe hour is never over",
        "auth",
        "self.probe_at = self._retry_at = None\n        self._verify",
        "self._verify",
    ),
    Mutant("a person has to log in near the end", "auth", "near = valid.to(expiring)", "near = valid.to(required)"),
    # The feed
    Mutant(
        "an older socket is heard",
        "feed",
        'return event in self.SOCKET_EVENTS and facts["gen"] != self.gen',
        "return False",
    ),
    Mutant("the numbers of sockets do not grow", "feed", "self.gen += 1", "self.gen = 1"),
    Mutant("a dial waits for ever", "feed", "return self.since + DIAL", "return None"),
    Mutant(
        "silence ends a moment too late",
        "feed",
        "return at is not None and self.now >= at",
        "return at is not None and self.now > at",
    ),
    Mutant("ticks do not move the deadline", "feed", 'self.last_tick if self.leaf == "streaming" else 0', "0"),
    Mutant(
        "a snapshot moves the first-tick deadline",
        "feed",
        'heard = self.last_tick if self.leaf == "streaming" else 0',
        "heard = self.last_tick",
    ),
    Mutant(
        "silence counts from before the phase that expects data",
        "feed",
        "max(heard, self.since, self.expected_since)",
        "max(heard, self.since)",
    ),
    Mutant(
        "a silent minute proves a stream", "feed", "self.last_tick - entered >= STABLE", "self.now - entered >= STABLE"
    ),
    Mutant(
        "an open socket proves a stream",
        "feed",
        'if before == "streaming" and self.last_tick - entered',
        "if self.now - entered",
    ),
    Mutant("nobody subscribes again", "feed", "                self.emit(Resubscribe(self.gen))\n", ""),
    Mutant("a 429 means nothing", "feed", "self._throttled_until = self.now + COOL_OFF", "pass"),
    Mutant(
        "a new token ends the minute of a 429",
        "feed",
        "        | active.backing_off.to(active.backing_off, internal=True,"
        ' cond="is_newer and is_throttled", on="resume")\n',
        "",
    ),
    Mutant(
        "a pause of the session ends the minute of a 429",
        "feed",
        "return self.is_throttled() or (not self.is_newer(token)",
        "return (not self.is_newer(token)",
    ),
    Mutant(
        "a refused token is dialled at once",
        "feed",
        "return self.is_throttled() or token.generation == self.refused_token",
        "return self.is_throttled()",
    ),
    Mutant(
        "a contradicted refusal costs no minute",
        "feed",
        "self._refusal_until = self.now + COOL_OFF if confirmed else 0",
        "self._refusal_until = 0",
    ),
    Mutant(
        "a refusal that nobody explained costs a minute",
        "feed",
        "self._refusal_until = self.now + COOL_OFF if confirmed else 0",
        "self._refusal_until = self.now + COOL_OFF",
    ),
    Mutant(
        "auth that comes and goes prolongs the minute",
        "feed",
        "            self._refusal_open = False\n            self._refusal_until",
        "            self._refusal_until",
    ),
    Mutant("an accepted token stays refused", "feed", "                self._forget_refusal()\n", ""),
    Mutant(
        "a new token inherits the refusal",
        "feed",
        "            self._forget_refusal()\n        self.token",
        "            pass\n        self.token",
    ),
    Mutant("a 400 bars nothing", "feed", "self.barred = self.token.generation if self.token else None", "pass"),
    Mutant(
        "trouble is never over",
        "feed",
        'case "streaming" | "halted":\n                self.latched = False',
        'case "streaming":\n                pass',
    ),
    Mutant(
        "an open socket ends the trouble while data is due",
        "feed",
        'and self.expected == "none":\n            self.latched, self.reason',
        "and True:\n            self.latched, self.reason",
    ),
    Mutant(
        "auth loss closes a live stream",
        "feed",
        "    auth_lost = (\n",
        '    auth_lost = (\n        active.streaming.to(blocked_on_auth, on="wait") |\n',
    ),
    # The coupling
    Mutant(
        "somebody else's stream goes on", "coupling", "if not wanted or _is_disowned(auth, feed):", "if not wanted:"
    ),
    Mutant("every logout hangs up", "auth", ' if reason == "other_account" else self.disowned', ""),
    Mutant("a reload forgives nothing", "feed", "        self.barred = None\n", "        pass\n"),
    Mutant("an unwanted feed goes on", "coupling", 'Tell("unwanted")', "None"),
    Mutant("a barred token is dialled again", "coupling", " and token.generation != feed.barred", ""),
    Mutant(
        "a new token waits for the old one's turn",
        "coupling",
        'case "backing_off" if token is not None and feed.is_newer(token):',
        'case "backing_off" if False:',
    ),
    Mutant(
        "a stale stream is dialled again without a token",
        "coupling",
        'case "connecting" | "stale" | "backing_off" if not usable:',
        'case "connecting" | "backing_off" if not usable:',
    ),
    Mutant(
        "nobody tells the feed that the refusal was contradicted",
        "coupling",
        'case "blocked_on_auth" if usable:\n'
        '            return Tell("auth_ready", {"token": token, "confirmed": auth.confirmed})',
        'case "blocked_on_auth" if usable:\n            return Tell("auth_ready", {"token": token})',
    ),
    # What they have in common
    Mutant(
        "the market cannot jump from closed to post_close",
        "market",
        "post_close.from_(unknown, closed, pre_open",
        "post_close.from_(unknown, pre_open",
    ),
    Mutant("a new phase is not noted", "market", "        self.moment = moment\n", ""),
    Mutant(
        "bad luck means no wait", "backoff", "max(self.floor, int(uniform() * ceiling))", "int(uniform() * ceiling)"
    ),
    Mutant("half of the jitter is gone", "backoff", "int(uniform() * ceiling)", "int((1 + uniform()) * ceiling) // 2"),
    Mutant(
        "what means nothing is not counted", "statechart", "            self.ignored_total += 1\n", "            pass\n"
    ),
    Mutant(
        "an old answer is heard",
        "statechart",
        "            self.stale_results_total += 1\n            return []\n",
        "            self.stale_results_total += 1\n",
    ),
    Mutant(
        "what a bug left behind is done later",
        "statechart",
        "self._applied, self._effects = False, []",
        "self._applied = False",
    ),
    Mutant(
        "a bug is swallowed",
        "statechart",
        "catch_errors_as_events: bool = False",
        "catch_errors_as_events: bool = True",
    ),
    Mutant("a typo passes", "statechart", "if event not in self._events:", "if False:"),
]


def test_without_a_fault_the_same_tests_find_none() -> None:
    every = list(dict.fromkeys(name for names in TESTS.values() for name in names))
    failure, tried = first_failure(None, every)
    assert failure is None
    assert tried > 800


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.fault)
def test_the_tests_notice_when(mutant: Mutant) -> None:
    failure, tried = first_failure(mutant, TESTS[mutant.module])
    assert failure is not None, f"{tried} cases and none noticed that {mutant.fault}"
