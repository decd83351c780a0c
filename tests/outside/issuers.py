"""One process that is every kind of OpenID Connect issuer, each under a path of its own.

The claims are such as the real providers mint. Fulcio and Chancery read the same configuration.
"""

import copy
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

DISCOVERY = "/.well-known/openid-configuration"
KEY_ID = "key-1"
COMMIT = "2f1c5a0e9d8b7c6a5f4e3d2c1b0a99887766554433"[:40]


@dataclass
class Kind:
    """An issuer: its entry but for the URL, and what its tokens say."""

    entry: dict
    claims: dict
    # What the holder's proof of possession is over.
    signs: str = "sub"
    # The path of the issuer where a wildcard stands for it.
    meta_path: str = ""
    fields: dict = field(default_factory=dict)


GITHUB = {
    "sub": "repo:acme/tool:environment:production",
    "repository": "acme/tool", "repository_id": "74", "repository_owner": "acme",
    "repository_owner_id": "65", "repository_visibility": "private",
    "ref": "refs/heads/main", "ref_type": "branch", "sha": COMMIT,
    "workflow": "Release tool", "workflow_ref": "acme/tool/.github/workflows/release.yml@refs/heads/main",
    "workflow_sha": COMMIT,
    "job_workflow_ref": "acme/ci/.github/workflows/build.yml@refs/tags/v1",
    "job_workflow_sha": COMMIT[::-1], "runner_environment": "github-hosted",
    "event_name": "push", "run_id": "30433642", "run_number": "10", "run_attempt": "2",
    "environment": "production", "actor": "octocat", "actor_id": "12",
}
GITLAB = {
    "sub": "project_path:acme/tool:ref_type:tag:ref:v1.2",
    "namespace_id": "72", "namespace_path": "acme", "project_id": "20", "project_path": "acme/tool",
    "user_id": "1", "user_login": "sam", "user_email": "sam@acme.test",
    "pipeline_id": "574", "pipeline_source": "push", "job_id": "302",
    "ref": "v1.2", "ref_type": "tag", "ref_path": "refs/tags/v1.2", "ref_protected": "true",
    "runner_id": 42, "runner_environment": "self-hosted", "sha": COMMIT,
    "project_visibility": "internal",
    "ci_config_ref_uri": "gitlab.acme.test/acme/tool//.gitlab-ci.yml@refs/tags/v1.2",
    "ci_config_sha": COMMIT,
}
BUILDKITE = {
    "sub": "organization:acme:pipeline:tool:ref:refs/heads/main:commit:HEAD:step:build",
    "organization_slug": "acme", "pipeline_slug": "tool", "build_number": 61,
    "build_branch": "main", "build_commit": COMMIT, "build_source": "webhook",
    "step_key": None, "job_id": "0184990a-477b-4fa8-9968-496074483cee",
    "agent_id": "0184990a-4782-42b5-afc1-16715b10b8ff", "runner_environment": "self-hosted",
}
CODEFRESH = {
    "sub": "account:1:pipeline:2", "account_id": "628a", "account_name": "acme",
    "pipeline_id": "64f4", "pipeline_name": "tools/build", "workflow_id": "64f5",
    "scm_ref": "main", "scm_repo_url": "https://git.acme.test/acme/tool",
    "runner_environment": "hybrid", "platform_url": "https://codefresh.acme.test",
}
KUBERNETES = {
    "sub": "system:serviceaccount:release:signer",
    "kubernetes.io": {
        "namespace": "release",
        "pod": {"name": "signer-0", "uid": "29f40bcf-0cf1-4d6c-b1f9-7b4ff3c2a9c6"},
        "serviceaccount": {"name": "signer", "uid": "8b34d27a-6a0b-4a51-a3a2-2a1b1dc3bb1e"},
    },
}
KINDS = {
    "email": Kind(
        {"type": "email"},
        {"sub": "4711", "email": "Sam.O'Neil+x@acme.test", "email_verified": True}, "email",
    ),
    "email-skip": Kind(
        {"type": "email", "skip-email-verification": True},
        {"sub": "4712", "email": "sam@acme.test"}, "email",
    ),
    "dex": Kind(
        {"type": "email", "issuer-claim": "$.federated_claims.connector_id"},
        {"sub": "CgN", "email": "sam@acme.test", "email_verified": "true",
         "federated_claims": {"connector_id": "https://login.acme.test", "user_id": "12"}}, "email",
    ),
    "uri": Kind(
        {"type": "uri", "subject-domain": "http://localhost"},
        {"sub": "http://localhost:99/users/sam jones?a=b"},
    ),
    "username": Kind(
        {"type": "username", "subject-domain": "localhost"}, {"sub": "sam"},
    ),
    "spiffe": Kind(
        {"type": "spiffe", "spiffe-trust-domain": "acme.test"},
        {"sub": "spiffe://acme.test/ns/release/sa/signer"},
    ),
    "kubernetes": Kind({"type": "kubernetes"}, KUBERNETES),
    "clusters/west": Kind({"type": "kubernetes"}, KUBERNETES, meta_path="clusters/*"),
    "chainguard": Kind(
        {"type": "chainguard-identity"},
        {"sub": "9f8e7d/a1b2c3", "act": {"iss": "https://issuer.acme.test/", "sub": "sam"}},
    ),
    "chainguard-email": Kind(
        {"type": "chainguard-identity"},
        {"sub": "9f8e7d/a1b2c4", "email": "sam@acme.test", "email_verified": True}, "email",
    ),
    "github": Kind({"type": "github-workflow"}, GITHUB),
    "gitlab": Kind({"type": "gitlab-pipeline"}, GITLAB),
    "buildkite": Kind({"type": "buildkite-job"}, BUILDKITE),
    "codefresh": Kind({"type": "codefresh-workflow"}, CODEFRESH),
    "ci/github": Kind({"type": "ci-provider", "ci-provider": "github"}, GITHUB),
    "ci/gitlab": Kind({"type": "ci-provider", "ci-provider": "gitlab"}, GITLAB),
    "ci/buildkite": Kind({"type": "ci-provider", "ci-provider": "buildkite"}, BUILDKITE),
}
PROVIDERS = {
    "github": {
        "default-template-values": {"url": "https://github.acme.test", "environment": ""},
        "extension-templates": {
            "github-workflow-trigger": "event_name", "github-workflow-sha": "sha",
            "github-workflow-name": "workflow", "github-workflow-repository": "repository",
            "github-workflow-ref": "ref",
            "build-signer-uri": "{{ .url }}/{{ .job_workflow_ref }}",
            "build-signer-digest": "job_workflow_sha", "runner-environment": "runner_environment",
            "source-repository-uri": "{{ .url }}/{{ .repository }}",
            "source-repository-digest": "sha", "source-repository-ref": "ref",
            "source-repository-identifier": "repository_id",
            "source-repository-owner-uri": "{{ .url }}/{{ .repository_owner }}",
            "source-repository-owner-identifier": "repository_owner_id",
            "build-config-uri": "{{ .url }}/{{ .workflow_ref }}",
            "build-config-digest": "workflow_sha", "build-trigger": "event_name",
            "run-invocation-uri":
                "{{ .url }}/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}",
            "source-repository-visibility-at-signing": "repository_visibility",
            "deployment-environment": "environment",
        },
        "subject-alternative-name-template": "{{ .url }}/{{ .job_workflow_ref }}",
    },
    "gitlab": {
        "default-template-values": {"url": "https://gitlab.acme.test", "environment": ""},
        "extension-templates": {
            "build-signer-uri": "https://{{ .ci_config_ref_uri }}",
            "source-repository-ref":
                '{{- if eq .ref_type "branch" -}} refs/heads/ {{- else -}} refs/tags/ {{- end }}{{ .ref }}',
            "run-invocation-uri": '{{ printf "%s/%s/-/jobs/%s" .url .project_path .job_id }}',
            "runner-environment": "{{ .runner_environment }} {{ .runner_id }}",
            "deployment-environment": "environment",
        },
        "subject-alternative-name-template": "https://{{ .ci_config_ref_uri }}",
    },
    "buildkite": {
        "default-template-values": {"url": "https://buildkite.com"},
        "extension-templates": {
            "run-invocation-uri":
                "{{.url}}/{{.organization_slug}}/{{.pipeline_slug}}/builds/{{.build_number}}#{{.job_id}}",
            "source-repository-digest": "build_commit",
            "source-repository-ref": '{{ with index . "build_tag" }}tag {{ . }}{{ else }}branch{{ end }}',
            "build-trigger": '{{ html .build_source }}{{/* the event */}}',
        },
        "subject-alternative-name-template": "{{.url}}/{{.organization_slug}}/{{.pipeline_slug}}",
    },
}


class Issuers:
    """The issuers, listening on a port of their own until the process ends."""

    def __init__(self):
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        issuers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_GET(self):
                document = issuers.document(self.path)
                body = json.dumps(document).encode()
                self.send_response(200 if document else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def document(self, path):
        """Returns what stands at a path: a discovery document, the keys, or nothing."""
        if path == "/keys":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
            return {"keys": [{**public, "kid": KEY_ID, "alg": "RS256", "use": "sig"}]}
        name = path.removesuffix(DISCOVERY).lstrip("/")
        if not path.endswith(DISCOVERY) or name not in KINDS:
            return None
        return {
            "issuer": f"{self.url}/{name}",
            "jwks_uri": f"{self.url}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def token(self, name):
        """Returns a new token of the issuer of that name."""
        now = int(time.time())
        claims = {
            "iss": f"{self.url}/{name}", "aud": "sigstore", "iat": now, "nbf": now,
            "exp": now + 300, **copy.deepcopy(KINDS[name].claims),
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": KEY_ID})

    def configuration(self, **ours):
        """Returns the identity configuration; each entry also has the keys that are `ours`."""
        fixed, meta = {}, {}
        for name, kind in KINDS.items():
            entry = {"client-id": "sigstore", **kind.entry, **ours}
            if kind.meta_path:
                meta[f"{self.url}/{kind.meta_path}"] = entry
            else:
                fixed[f"{self.url}/{name}"] = {"issuer-url": f"{self.url}/{name}", **entry}
        document = {"oidc-issuers": fixed, "meta-issuers": meta, "ci-issuer-metadata": PROVIDERS}
        # JSON is YAML, too; the comment keeps Fulcio from reading it as JSON, with other names.
        return "# an identity configuration\n" + json.dumps(document)
