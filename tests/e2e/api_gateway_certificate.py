"""Makes a certificate as API Gateway generates them: version 3, self-signed, RSA-2048 and SHA-256, no
extension at all, and the same subject in every account. Writes NAME.pem and NAME.key."""

import datetime
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

for name in sys.argv[1:]:
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        x509.NameAttribute(NameOID.LOCALITY_NAME, "Seattle"),
        x509.NameAttribute(NameOID.COMMON_NAME, "ApiGateway"),
    ])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(os.urandom(7), "big") + 1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=364))
        .sign(key, hashes.SHA256())
    )
    assert certificate.version == x509.Version.v3 and not list(certificate.extensions)
    pem = serialization.Encoding.PEM
    with open(f"{name}.pem", "wb") as file:
        file.write(certificate.public_bytes(pem))
    with open(f"{name}.key", "wb") as file:
        file.write(key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
