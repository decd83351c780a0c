//! The fuzz target of `chancery_fuzz::token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::token::run(input));
