//! Stands in for the C library zlib-ng, which Pingora asks for through flate2 and which
//! cannot be built without CMake. The gateway never compresses, so speed is no matter here;
//! that it builds with a Rust toolchain and a C compiler alone is.
//!
//! The work is done by zlib-rs, which keeps zlib's interface. The two differ in one type
//! only: flate2 fills `zalloc` and `zfree` with functions, zlib-rs may have none there.
#![allow(non_camel_case_types, non_snake_case, clippy::missing_safety_doc)]

use std::ffi::{c_char, c_int};

pub use libz_rs_sys::{
    alloc_func, free_func, internal_state, uInt, uLong, voidpf, zlibVersion, Bytef, Z_BLOCK,
    Z_BUF_ERROR, Z_DATA_ERROR, Z_DEFAULT_STRATEGY, Z_DEFLATED, Z_FINISH, Z_FULL_FLUSH,
    Z_MEM_ERROR, Z_NEED_DICT, Z_NO_FLUSH, Z_OK, Z_PARTIAL_FLUSH, Z_STREAM_END, Z_STREAM_ERROR,
    Z_SYNC_FLUSH,
};

/// zlib's stream, as flate2 makes it.
#[repr(C)]
pub struct z_stream {
    pub next_in: *mut Bytef,
    pub avail_in: uInt,
    pub total_in: uLong,
    pub next_out: *mut Bytef,
    pub avail_out: uInt,
    pub total_out: uLong,
    pub msg: *mut c_char,
    pub state: *mut internal_state,
    pub zalloc: alloc_func,
    pub zfree: free_func,
    pub opaque: voidpf,
    pub data_type: c_int,
    pub adler: uLong,
    pub reserved: uLong,
}

const _: () = assert!(size_of::<z_stream>() == size_of::<libz_rs_sys::z_stream>());
const _: () = assert!(align_of::<z_stream>() == align_of::<libz_rs_sys::z_stream>());

/// Hands a call on with the stream seen as zlib-rs's own.
///
/// SAFETY of each: both structs are `repr(C)` with the same fields in the same order, and a
/// function pointer has the layout of an `Option` of one; everything else is the caller's
/// promise to zlib, passed on unchanged.
macro_rules! hand_on {
    ($($name:ident($($arg:ident: $kind:ty),*);)*) => {$(
        pub unsafe extern "C" fn $name(stream: *mut z_stream, $($arg: $kind),*) -> c_int {
            unsafe { libz_rs_sys::$name(stream.cast(), $($arg),*) }
        }
    )*};
}

hand_on! {
    deflate(flush: c_int);
    deflateEnd();
    deflateInit2_(level: c_int, method: c_int, bits: c_int, memory: c_int, strategy: c_int, version: *const c_char, size: c_int);
    deflateParams(level: c_int, strategy: c_int);
    deflateReset();
    deflateSetDictionary(dictionary: *const Bytef, length: uInt);
    inflate(flush: c_int);
    inflateEnd();
    inflateInit2_(bits: c_int, version: *const c_char, size: c_int);
    inflateReset2(bits: c_int);
    inflateSetDictionary(dictionary: *const Bytef, length: uInt);
}
