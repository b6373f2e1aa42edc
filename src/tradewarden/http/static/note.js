// A used login link must not stay in the address bar: a reload would only be told that it was used.
"use strict";
if (location.search) history.replaceState(null, "", "/");
// After a login that worked nothing is left to do here: the page says so, then goes on to the live desk.
if (document.documentElement.dataset.onward) setTimeout(() => location.replace("/"), 3_000);
