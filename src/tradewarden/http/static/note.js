// A used login link must not stay in the address bar: a reload would only be told that it was used.
"use strict";
if (location.search) history.replaceState(null, "", "/");
