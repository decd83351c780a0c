//! The fuzz target of `chancery_fuzz::csr`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::csr::run(input));
