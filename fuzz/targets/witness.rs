//! The fuzz target of `chancery_fuzz::witness`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::witness::run(input));
