//! The fuzz target of `chancery_fuzz::identity_config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::identity_config::run(input));
