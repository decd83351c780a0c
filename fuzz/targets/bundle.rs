//! The fuzz target of `chancery_fuzz::bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::bundle::run(input));
