//! Stands in for the C library zlib-ng, which Pingora asks for through flate2 and which
//! cannot be built without CMake. The gateway never compresses, so speed is no matter here;
//! that it builds with a Rust toolchain and a C compiler alone is.
//! The real work is in zlib-rs, which keeps zlib's interface.
pub use libz_rs_sys::*;
