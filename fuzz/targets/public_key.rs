//! The fuzz target of `chancery_fuzz::public_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::public_key::run(input));
