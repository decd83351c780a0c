//! The fuzz target of `chancery_fuzz::jwks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::jwks::run(input));
