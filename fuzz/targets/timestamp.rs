//! The fuzz target of `chancery_fuzz::timestamp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::timestamp::run(input));
