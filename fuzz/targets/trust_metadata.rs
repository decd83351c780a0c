//! The fuzz target of `chancery_fuzz::trust_metadata`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::trust_metadata::run(input));
