//! What a target may answer, well or badly, and what is to come of it.

/// What the target does, one after the other.
#[derive(Clone, Copy)]
pub enum Step {
    Send(&'static str),
    /// A byte at a time.
    Drip(&'static str),
    /// This many bytes of head and body.
    Fill(&'static str, usize, &'static str),
    /// Nothing before this has reached the caller.
    Await(&'static str),
    Close,
}

use Step::{Await, Close, Drip, Fill, Send};

pub struct Case {
    pub name: &'static str,
    pub method: &'static str,
    pub steps: &'static [Step],
    /// The status that the caller gets; 0 for none.
    pub status: u16,
    /// Whether the answer is whole, and each connection is kept: the caller's, the target's.
    pub fate: Fate,
}

pub type Fate = (bool, bool, bool);

const GOOD: Fate = (true, true, true);
/// What the target sends has no other end than its connection, or is not to be trusted further.
const SPENT: Fate = (true, true, false);
const REFUSED: Fate = (true, false, false);
pub const BROKEN: Fate = (false, false, false);

const fn get(name: &'static str, steps: &'static [Step], status: u16, fate: Fate) -> Case {
    Case {
        name,
        method: "GET",
        steps,
        status,
        fate,
    }
}

const fn head(name: &'static str, steps: &'static [Step], status: u16, fate: Fate) -> Case {
    Case {
        method: "HEAD",
        ..get(name, steps, status, fate)
    }
}

const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n";

pub const CASES: &[Case] = &[
    get("a length", &[Send(LENGTH), Send("hello")], 200, GOOD),
    get(
        "a length, in one piece",
        &[Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")],
        200,
        GOOD,
    ),
    get(
        "a length, dripped",
        &[Drip(LENGTH), Drip("hello")],
        200,
        GOOD,
    ),
    get(
        "no body",
        &[Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")],
        200,
        GOOD,
    ),
    get(
        "a long body",
        &[Fill(
            "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n",
            300_000,
            "",
        )],
        200,
        GOOD,
    ),
    get(
        "lines of a field that is repeated",
        &[Send(
            "HTTP/1.1 201 Made\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\nVary: x\r\n\r\n",
        )],
        201,
        GOOD,
    ),
    get(
        "one chunk",
        &[Send(CHUNKED), Send("5\r\nhello\r\n0\r\n\r\n")],
        200,
        GOOD,
    ),
    get(
        "many chunks",
        &[
            Send(CHUNKED),
            Send("1\r\nh\r\n3\r\nell\r\n"),
            Send("1\r\no\r\n0\r\n\r\n"),
        ],
        200,
        GOOD,
    ),
    get(
        "chunks, dripped",
        &[Drip(CHUNKED), Drip("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")],
        200,
        GOOD,
    ),
    get("no chunk", &[Send(CHUNKED), Send("0\r\n\r\n")], 200, GOOD),
    get(
        "chunks with a trailer",
        &[
            Send(CHUNKED),
            Send("5\r\nhello\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n"),
        ],
        200,
        GOOD,
    ),
    get(
        "chunks with a trailer, dripped",
        &[Drip(CHUNKED), Drip("5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n")],
        200,
        GOOD,
    ),
    get(
        "chunks with extensions",
        &[Send(CHUNKED), Send("5;a=b\r\nhello\r\n0;c\r\n\r\n")],
        200,
        GOOD,
    ),
    get(
        "until the connection ends",
        &[
            Send("HTTP/1.1 200 OK\r\n\r\nhel"),
            Await("hel"),
            Send("lo"),
            Await("lo"),
            Close,
        ],
        200,
        SPENT,
    ),
    get(
        "until the connection ends, at once",
        &[Send("HTTP/1.1 200 OK\r\n\r\n"), Close],
        200,
        SPENT,
    ),
    get(
        "HTTP/1.0 until the connection ends",
        &[Send("HTTP/1.0 200 OK\r\n\r\nhello"), Close],
        200,
        SPENT,
    ),
    get(
        "HTTP/1.0 with a length",
        &[Send("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")],
        200,
        SPENT,
    ),
    get(
        "HTTP/1.0 that is kept",
        &[Send(
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        )],
        200,
        GOOD,
    ),
    get(
        "HTTP/1.0 in chunks",
        &[Send(
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        )],
        200,
        SPENT,
    ),
    get(
        "a target that wants to close",
        &[Send(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        )],
        200,
        SPENT,
    ),
    head("HEAD with a length", &[Send(LENGTH)], 200, GOOD),
    head("HEAD in chunks", &[Send(CHUNKED)], 200, GOOD),
    head(
        "HEAD without either",
        &[Send("HTTP/1.1 200 OK\r\n\r\n")],
        200,
        GOOD,
    ),
    head(
        "HEAD that has a body",
        &[Send(LENGTH), Send("hello")],
        200,
        SPENT,
    ),
    get("204", &[Send("HTTP/1.1 204 No Content\r\n\r\n")], 204, GOOD),
    get(
        "204 that has a body",
        &[Send(
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
        )],
        204,
        SPENT,
    ),
    get(
        "304 with a length",
        &[Send(
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n",
        )],
        304,
        GOOD,
    ),
    get(
        "103 first",
        &[
            Send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
            Await("</a>"),
            Send(LENGTH),
            Send("hello"),
        ],
        200,
        GOOD,
    ),
    get(
        "100, 102 and 103 first, in one piece",
        &[Send(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        )],
        200,
        GOOD,
    ),
    get(
        "103 and no more",
        &[
            Send("HTTP/1.1 103 Early Hints\r\n\r\n"),
            Await("103"),
            Close,
        ],
        502,
        REFUSED,
    ),
    get(
        "101 that nobody asked for",
        &[Send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        )],
        502,
        REFUSED,
    ),
    get(
        "a length and chunks",
        &[Send(
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        )],
        200,
        GOOD,
    ),
    get(
        "two equal lengths",
        &[Send(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        )],
        200,
        GOOD,
    ),
    get(
        "a list of equal lengths",
        &[Send("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello")],
        200,
        GOOD,
    ),
    get(
        "a coding that is not chunked",
        &[
            Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello"),
            Close,
        ],
        200,
        BROKEN,
    ),
    get(
        "two codings",
        &[Send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        )],
        200,
        GOOD,
    ),
    get(
        "fields for the gateway alone",
        &[Send(
            "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Own\r\nX-Own: 1\r\nKeep-Alive: timeout=9\r\nTrailer: X-T\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
        )],
        200,
        GOOD,
    ),
    get(
        "bare LF",
        &[Send("HTTP/1.1 200\nContent-Length: 5\n\nhello")],
        200,
        GOOD,
    ),
    get(
        "a space before the colon",
        &[Send("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello")],
        200,
        GOOD,
    ),
    get(
        "two lengths that differ",
        &[Send(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        )],
        502,
        REFUSED,
    ),
    get(
        "a length that is none",
        &[Send("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello")],
        502,
        REFUSED,
    ),
    get("no HTTP", &[Send("SSH-2.0-OpenSSH\r\n\r\n")], 502, REFUSED),
    get(
        "a bad status",
        &[Send("HTTP/1.1 2000 OK\r\n\r\n")],
        502,
        REFUSED,
    ),
    get(
        "a bad version",
        &[Send("HTTP/3.1 200 OK\r\n\r\n")],
        502,
        REFUSED,
    ),
    get(
        "a status below 100",
        &[Send("HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n")],
        502,
        REFUSED,
    ),
    get(
        "a NUL in a value",
        &[Send(
            "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        )],
        502,
        REFUSED,
    ),
    get(
        "a folded line",
        &[Send(
            "HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
        )],
        200,
        GOOD,
    ),
    get(
        "a head of 100 KB",
        &[Fill(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: ",
            100_000,
            "\r\n\r\nhello",
        )],
        200,
        GOOD,
    ),
    get("nothing", &[Close], 502, REFUSED),
    get(
        "half a head",
        &[Send("HTTP/1.1 200 OK\r\nContent-"), Close],
        502,
        REFUSED,
    ),
    get(
        "half a body",
        &[
            Fill(
                "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
                55_555,
                "",
            ),
            Await("xx"),
            Close,
        ],
        200,
        BROKEN,
    ),
    get(
        "half a chunk",
        &[Send(CHUNKED), Send("5\r\nhel"), Await("hel"), Close],
        200,
        BROKEN,
    ),
    get(
        "no last chunk",
        &[Send(CHUNKED), Send("5\r\nhello\r\n"), Await("hello"), Close],
        200,
        BROKEN,
    ),
    get(
        "a head, and with it what is no chunk",
        &[Send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        )],
        200,
        BROKEN,
    ),
    get(
        "a piece, and behind it in one go what is no chunk",
        &[
            Send(CHUNKED),
            Send("1\r\na\r\n"),
            Await("a\r\n"),
            Send("4\r\nlast\r\nzz\r\n"),
        ],
        200,
        BROKEN,
    ),
    get(
        "more than its length",
        &[Send(LENGTH), Send("hello, you")],
        200,
        SPENT,
    ),
    get(
        "another answer behind it",
        &[Send(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        )],
        200,
        SPENT,
    ),
    get(
        "a part of another answer behind its chunks",
        &[Send(CHUNKED), Send("5\r\nhello\r\n0\r\n\r\nHTTP")],
        200,
        SPENT,
    ),
    get(
        "another answer before it was asked for",
        &[
            Send(LENGTH),
            Send("hello"),
            Await("hello"),
            Send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"),
        ],
        200,
        SPENT,
    ),
    get(
        "a connection that the target closes when it has answered",
        &[Send(LENGTH), Send("hello"), Await("hello"), Close],
        200,
        SPENT,
    ),
    get(
        "an answer that streams",
        &[
            Send(CHUNKED),
            Await("X-A"),
            Send("3\r\none\r\n"),
            Await("one"),
            Send("3\r\ntwo\r\n"),
            Await("two"),
            Send("0\r\n\r\n"),
        ],
        200,
        GOOD,
    ),
];
