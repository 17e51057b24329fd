//! Benches of Countersign: single stages in `micro/`; handshakes, beside other servers, in
//! `handshakes/`; ways to a private server, compared, in `compare/`.
