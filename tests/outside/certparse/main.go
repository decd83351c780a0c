// Reads a certificate as Go's crypto/x509 does and prints its names.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		fail(fmt.Errorf("%s holds no PEM", os.Args[1]))
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		fail(err)
	}
	fmt.Println(certificate.EmailAddresses, certificate.URIs, certificate.SerialNumber)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
