//! RSA moduli of a library with a known flaw (ROCA, CVE-2017-15361), whose private keys can be found.
//!
//! Its primes are of the form k·M + (65537^a mod M), M a product of the first primes. So the modulus
//! is a power of 65537 modulo each of them, which another is by chance only (Nemec and others, "The
//! Return of Coppersmith's Attack", 2017, section 2.3).

/// The primes up to 167, but for those of which 65537 is a generator: all is a power there.
const PRIMES: [u32; 17] = [
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
];

/// Tells whether an RSA modulus, big-endian, bears the fingerprint. Another than that library's does
/// with a probability of about 2^-27.
pub fn is_fingerprinted(modulus: &[u8]) -> bool {
    PRIMES.into_iter().all(|prime| {
        let rest = modulus
            .iter()
            .fold(0, |rest, &octet| (rest * 256 + u32::from(octet)) % prime);
        is_power(rest, prime)
    })
}

/// Tells whether a number is a power of 65537 modulo a prime.
fn is_power(number: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == number {
            return true;
        }
        power = power * (65_537 % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;

    #[test]
    fn each_prime_tells_some_numbers_apart() {
        for prime in PRIMES {
            let powers = (1..prime).filter(|&number| is_power(number, prime)).count();
            assert!(powers < prime as usize - 1, "{prime}");
        }
    }

    #[test]
    fn a_modulus_of_the_flawed_library_is_found() {
        // Both factors of such keys are powers of 65537 modulo the product of the first primes.
        let product: BigUint = PRIMES.into_iter().map(BigUint::from).product();
        let power = |exponent: u32| BigUint::from(65_537u32).modpow(&exponent.into(), &product);
        let prime =
            |bits: u32, exponent| (BigUint::from(1u32) << bits) * &product + power(exponent);
        let modulus = prime(900, 77) * prime(910, 1234);
        assert!(is_fingerprinted(&modulus.to_bytes_be()));
        assert!(!is_fingerprinted(&(modulus + 2u32).to_bytes_be()));
    }

    #[test]
    fn powers_bear_the_fingerprint_and_others_do_not() {
        assert!(is_fingerprinted(&65_537_u32.to_be_bytes()));
        assert!(is_fingerprinted(&65_537_u64.pow(3).to_be_bytes()));
        assert!(!is_fingerprinted(&65_539_u32.to_be_bytes()));
        assert!(!is_fingerprinted(&[0]));
    }
}
