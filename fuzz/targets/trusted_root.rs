//! The fuzz target of `chancery_fuzz::trusted_root`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::trusted_root::run(input));
