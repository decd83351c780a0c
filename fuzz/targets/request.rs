//! The fuzz target of `chancery_fuzz::request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::request::run(input));
