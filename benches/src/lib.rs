//! Benches of Countersign: single stages in `micro/`; handshakes, beside other servers, in
//! `handshakes/`.
