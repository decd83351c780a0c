// Signs or verifies a file with sigstore-java, with what it learns from a TUF repository.

import dev.sigstore.KeylessSigner;
import dev.sigstore.KeylessVerifier;
import dev.sigstore.SigningConfigProvider;
import dev.sigstore.TrustedRootProvider;
import dev.sigstore.VerificationOptions;
import dev.sigstore.bundle.Bundle;
import dev.sigstore.oidc.client.OidcClients;
import dev.sigstore.oidc.client.TokenStringOidcClient;
import dev.sigstore.strings.StringMatcher;
import dev.sigstore.tuf.RootProvider;
import dev.sigstore.tuf.SigstoreTufClient;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

public class Client {
  public static void main(String[] args) throws Exception {
    String mirror = args[1];
    // Each file of a cache of its own: the client finds everything again.
    SigstoreTufClient.Builder tuf =
        SigstoreTufClient.builder()
            .tufMirror(URI.create(mirror), RootProvider.fromFile(Path.of("root.json")))
            .tufCacheLocation(Path.of("tuf-cache").toAbsolutePath());
    Path bundle = Path.of(args[2]);
    Path file = Path.of(args[3]);
    if (args[0].equals("sign") || args[0].equals("attest")) {
      String token = Files.readString(Path.of("token")).trim();
      KeylessSigner signer =
          KeylessSigner.builder()
              .sigstorePublicDefaults()
              .trustedRootProvider(TrustedRootProvider.from(tuf))
              .signingConfigProvider(SigningConfigProvider.from(tuf))
              .enableRekorV2(true)
              .forceCredentialProviders(OidcClients.of(TokenStringOidcClient.from(token)))
              .build();
      Bundle made =
          args[0].equals("sign")
              ? signer.signFile(file)
              : signer.attest(Files.readString(Path.of("statement.json")));
      Files.writeString(bundle, made.toJson());
      return;
    }
    VerificationOptions options =
        VerificationOptions.builder()
            .addCertificateMatchers(
                VerificationOptions.CertificateMatcher.fulcio()
                    .subjectAlternativeName(StringMatcher.string(args[4]))
                    .issuer(StringMatcher.string(args[5]))
                    .build())
            .build();
    KeylessVerifier.builder()
        .trustedRootProvider(TrustedRootProvider.from(tuf))
        .build()
        .verify(file, Bundle.from(bundle, StandardCharsets.UTF_8), options);
  }
}
