//! The fuzz target of `chancery_fuzz::template`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::template::run(input));
