#!/bin/bash
# Checks a proof that `chancery log prove` wrote in RFC 6962's form, with openssl, jq and xxd:
#
#     check_proof.sh entry-5.rfc6962.json trusted_root.json
#
# The trust root is taken to name one log.
set -euo pipefail
proof=$1 trusted_root=$2
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

field() { jq -er "$1" "$proof"; }
sha256() { openssl dgst -sha256 -r | cut -d ' ' -f 1; }
hex() { base64 -d | xxd -p -c 0; }

# 1. The log has signed the tree head: version 0, type 1, time, size, root.
jq -er '.ctlogs[0].publicKey.rawBytes' "$trusted_root" | base64 -d > "$folder/log.der"
root=$(field .sth.sha256_root_hash | hex)
printf '0001%016x%016x%s' "$(field .sth.timestamp)" "$(field .sth.tree_size)" "$root" |
    xxd -r -p > "$folder/sth"
# Two bytes name the algorithms, two the length.
field .sth.tree_head_signature | base64 -d | tail -c +5 > "$folder/sth.signature"
openssl dgst -sha256 -verify "$folder/log.der" -keyform DER \
    -signature "$folder/sth.signature" "$folder/sth" > /dev/null

# 2. The path leads from the leaf to that root (RFC 9162, section 2.1.3.2).
node=$({ printf '\0'; field .leaf_input | base64 -d; } | sha256)
index=$(field .leaf_index)
last=$(($(field .sth.tree_size) - 1))
while read -r sibling; do
    sibling=$(base64 -d <<< "$sibling" | xxd -p -c 0)
    if ((index % 2 == 1 || index == last)); then
        node=$(xxd -r -p <<< "01$sibling$node" | sha256)
        while ((index % 2 == 0 && index > 0)); do index=$((index >> 1)) last=$((last >> 1)); done
    else
        node=$(xxd -r -p <<< "01$node$sibling" | sha256)
    fi
    index=$((index >> 1)) last=$((last >> 1))
done < <(jq -r '.audit_path[]' "$proof")
if [[ $last != 0 || $node != "$root" ]]; then
    echo "the entry is not in the tree" >&2
    exit 1
fi
echo "the entry is in a tree of $(field .sth.tree_size) entries that the log has signed"

# 3. What was logged: the TBSCertificate of a precertificate.
field .leaf_input | base64 -d | tail -c +48 | openssl asn1parse -inform DER -i | sed -n '1,6p'
