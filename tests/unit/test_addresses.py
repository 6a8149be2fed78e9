"""Check which addresses and names are public, by a table that no version of Python changes."""

from ipaddress import ip_address

import pytest

from asrcore.core.addresses import is_public, is_public_host


@pytest.mark.parametrize(
    ("address", "public"),
    [
        pytest.param("93.184.215.14", True, id="a public one"),
        pytest.param("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True, id="a public one, IPv6"),
        pytest.param("127.0.0.1", False, id="this machine"),
        pytest.param("0.0.0.0", False, id="this machine, in another way"),
        pytest.param("::1", False, id="this machine, IPv6"),
        pytest.param("10.1.2.3", False, id="private, 10"),
        pytest.param("172.16.0.1", False, id="private, 172.16"),
        pytest.param("192.168.1.1", False, id="private, 192.168"),
        pytest.param("100.100.100.200", False, id="shared, where a cloud keeps its metadata"),
        pytest.param("169.254.169.254", False, id="instance metadata"),
        pytest.param("fd00:ec2::254", False, id="instance metadata, IPv6"),
        pytest.param("fe80::1%eth0", False, id="link-local with a zone"),
        pytest.param("224.0.0.1", False, id="multicast"),
        pytest.param("ff02::1", False, id="multicast, IPv6"),
        pytest.param("240.0.0.1", False, id="reserved"),
        pytest.param("255.255.255.255", False, id="broadcast"),
        pytest.param("::ffff:169.254.169.254", False, id="metadata, mapped"),
        pytest.param("::ffff:93.184.215.14", True, id="a public one, mapped"),
        pytest.param("64:ff9b::a9fe:a9fe", False, id="metadata, through NAT64"),
        pytest.param("64:ff9b::5db8:d70e", True, id="a public one, through NAT64"),
        pytest.param("2002:7f00:1::", False, id="this machine, through 6to4"),
        pytest.param("2001:0:0:0:0:0:80ff:fffe", False, id="this machine, through Teredo"),
        pytest.param("fec0::1", False, id="site-local"),
        pytest.param("3fff::1", False, id="documentation, RFC 9637"),
        pytest.param("2001:db8::1", False, id="documentation"),
        pytest.param("5f00::1", False, id="segment routing"),
        pytest.param("64:ff9b:1::5db8:d70e", False, id="NAT64 of a private network"),
        pytest.param("192.0.0.8", False, id="protocol assignments"),
        pytest.param("198.18.0.1", False, id="benchmarks"),
    ],
)
def test_public_addresses_are_recognized(address, public):
    assert is_public(address) is public


@pytest.mark.parametrize("name", ["is_global", "is_private", "is_reserved", "is_link_local"])
def test_table_depends_on_no_property_of_python(monkeypatch, name):
    for kind in {type(ip_address("::")), type(ip_address("0.0.0.0"))}:
        monkeypatch.setattr(kind, name, property(lambda _: pytest.fail("Python was asked")))

    assert [is_public(each) for each in ("93.184.215.14", "10.0.0.1", "2606:4700::1", "fec0::1")] == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("host", "public"),
    [
        *((host, True) for host in ("recordings.example.com", "a.cn", "localhost.example.com", "93.184.215.14")),
        *((f"db.{last}", False) for last in ("lan", "corp", "home", "internal", "intranet", "private", "localdomain")),
        *((f"db.{last}", False) for last in ("local", "localhost", "test", "example", "invalid", "onion", "alt")),
        *((host, False) for host in ("router.home.arpa", "DB.Corp", "db.lan.", "metadata", "localhost", "", ".")),
        *((host, False) for host in ("127.1", "2130706433", "0x7f.1", "a.0x7f000001", "10.0.0.1", "[::1]")),
    ],
)
def test_public_names_are_recognized(host, public):
    assert is_public_host(host) is public
