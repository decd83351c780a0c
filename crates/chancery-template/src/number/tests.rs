//! Tests of number constants.

use super::*;

#[test]
fn integers_are_read_in_every_base() {
    for (text, value) in [
        ("0", 0),
        ("-0", 0),
        ("+5", 5),
        ("017", 15),
        ("0o17", 15),
        ("0B11", 3),
        ("0x_1F", 31),
        ("1_000", 1000),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ] {
        assert_eq!(parse_number(text), Ok(Number::Int(value)), "{text}");
    }
    assert_eq!(
        parse_number("18446744073709551615"),
        Ok(Number::TooLargeForInt)
    );
    for text in [
        "08", "1__0", "_1", "1_", "0x", "0b2", "", "+", "--1", "+-1", "0x+1",
    ] {
        assert!(parse_number(text).is_err(), "{text}");
    }
}

#[test]
fn floats_are_rounded_once() {
    for (text, value) in [
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1_0.2_5", 10.25),
        ("0x1p-2", 0.25),
        ("0X.8P1", 1.0),
        ("0x1.fffffffffffff8p0", 2.0),
        ("0x1.00000000000008p0", 1.0),
        (
            "0x1.000000000000080000000000000001p0",
            1.000_000_000_000_000_2,
        ),
        ("0x1p-1074", 5e-324),
        ("0x1p-1075", 0.0),
        ("0x1.8p-1075", 5e-324),
        ("-0xe", -14.0),
    ] {
        assert_eq!(parse_number(text), Ok(Number::Float(value)), "{text}");
    }
    for text in [
        "1e999",
        "0x1p1024",
        "0x1.8",
        "0xp1",
        "1e",
        ".",
        "0x1p99999999999999999999",
    ] {
        assert!(parse_number(text).is_err(), "{text}");
    }
    assert_eq!(parse_number("2i"), Err(NotANumber::Imaginary));
}
