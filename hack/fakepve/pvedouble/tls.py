"""Certificates as a PVE node has them: one of the cluster's own CA, made anew at each start.

Clients trust the CA's PEM, or pin the SHA-256 fingerprint of the node's certificate (colons between upper-case bytes,
as PVE prints it).
"""

import datetime
import hashlib
import ipaddress
import os
import ssl
import tempfile
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=30)


def fingerprint(certificate):
    """PVE's form of a certificate's SHA-256 fingerprint."""
    digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest().upper()
    return ':'.join(digest[i:i + 2] for i in range(0, len(digest), 2))


def _builder(subject, issuer, public_key):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + LIFETIME))


def _usage(**allowed):
    names = ('digital_signature', 'content_commitment', 'key_encipherment', 'data_encipherment', 'key_agreement',
             'key_cert_sign', 'crl_sign', 'encipher_only', 'decipher_only')
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})


def alternative_names(hosts):
    """The subject alternative names: localhost, 127.0.0.1 and every host that is not a wildcard address."""
    names = []
    for host in ('localhost', '127.0.0.1', *hosts):
        if host in ('', '0.0.0.0', '::'):
            continue
        try:
            entry = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            entry = x509.DNSName(host)
        if entry not in names:
            names.append(entry)
    return names


class Identity:
    """A cluster's CA and the certificate of the node that answers."""

    def __init__(self, hosts=()):
        self.hosts = tuple(hosts)
        self.new_authority()

    def new_authority(self):
        """Another cluster, or `pvecm updatecerts --force`: a new CA and a certificate of it."""
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'Proxmox Virtual Environment'),
                          x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, str(uuid.uuid4())),
                          x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'PVE Cluster Manager CA')])
        self.authority = (_builder(name, name, self._ca_key.public_key())
                          .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                          .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
                          .sign(self._ca_key, hashes.SHA256()))
        self.renew()

    def renew(self):
        """A new certificate of the same CA."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'pve1.example.test')])
        self.certificate = (_builder(name, self.authority.subject, self._key.public_key())
                            .add_extension(x509.SubjectAlternativeName(alternative_names(self.hosts)), critical=False)
                            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                            .add_extension(_usage(digital_signature=True), critical=True)
                            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
                            .sign(self._ca_key, hashes.SHA256()))

    @property
    def ca_pem(self):
        """The CA's certificate, which clients trust."""
        return self.authority.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def fingerprint(self):
        """The fingerprint of the certificate that the server shows."""
        return fingerprint(self.certificate)

    def certificates(self):
        """GET /nodes/{node}/certificates/info."""
        return [{'filename': name, 'fingerprint': fingerprint(cert), 'subject': cert.subject.rfc4514_string(),
                 'issuer': cert.issuer.rfc4514_string(), 'notbefore': int(cert.not_valid_before_utc.timestamp()),
                 'notafter': int(cert.not_valid_after_utc.timestamp()),
                 'pem': cert.public_bytes(serialization.Encoding.PEM).decode()}
                for name, cert in (('pve-root-ca.pem', self.authority), ('pve-ssl.pem', self.certificate))]

    def context(self):
        """A server's SSL context. A new one also forgets every TLS session, so that no client resumes an old one."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        key = self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())
        chain = self.certificate.public_bytes(serialization.Encoding.PEM) + self.ca_pem.encode()
        with tempfile.TemporaryDirectory() as folder:   # mode 0700: the key is for this process alone
            path = os.path.join(folder, 'node.pem')
            with open(path, 'wb') as out:
                out.write(key + chain)
            context.load_cert_chain(path)
        return context
