"""Formats in the configuration of nginx and Apache, from literal texts."""

from __future__ import annotations

import pytest

from w3ctools.core.formats.serverconfig import APACHE_COMMON, NGINX_COMBINED, Found, formats_in

NGINX = r"""
# log_format ignored '$x';
http {
    log_format main '$remote_addr "$request" '
                    '$status \'q\'';   # the rest
    log_format j escape=json '{"s":$status}';
    log_format unused "$status";
    access_log /var/log/nginx/all.log main buffer=32k;
    server {
        access_log off;
        access_log /var/log/nginx/j.log j;
        access_log /var/log/nginx/built-in.log;
    }
}
"""
APACHE = r"""
ServerRoot "/etc/apache2"
LogFormat "%h %l \"%r\" %>s \
%b" own
logformat "%v"
TransferLog logs/transfer
LogFormat '%a "%r"' unused
<VirtualHost *:80>
    CustomLog ${APACHE_LOG_DIR}/access.log own
    CustomLog "|/bin/rotatelogs /x 86400" "%h \"%{Referer}i\"\t%%" env=!dontlog
    # CustomLog no no
</VirtualHost>
"""


def test_nginx() -> None:
    main = Found("main", """$remote_addr "$request" $status 'q'""", "nginx", "default", None, "n:4")
    assert formats_in([("n", NGINX)]) == [
        main._replace(log_file="/var/log/nginx/all.log"),
        Found("j", '{"s":$status}', "nginx", "json", "/var/log/nginx/j.log", "n:6"),
        Found("combined", NGINX_COMBINED, "nginx", "default", "/var/log/nginx/built-in.log", "n:12"),
        Found("unused", "$status", "nginx", "default", None, "n:7"),
    ]


def test_a_format_of_one_file_is_found_for_the_log_of_another() -> None:
    texts = [("a", "access_log x.log main;"), ("b", "log_format main '$status';")]
    assert formats_in(texts) == [Found("main", "$status", "nginx", "default", "x.log", "b:1")]


def test_apache() -> None:
    assert formats_in([("a", APACHE)]) == [
        Found("", "%v", "apache", "default", "logs/transfer", "a:5"),
        Found("", '%h "%{Referer}i"\\t%%', "apache", "default", "|/bin/rotatelogs /x 86400", "a:10"),
        Found("own", '%h %l "%r" %>s %b', "apache", "default", "${APACHE_LOG_DIR}/access.log", "a:3"),
        Found("unused", '%a "%r"', "apache", "default", None, "a:7"),
    ]


def test_transferlog_without_a_format_is_common() -> None:
    assert formats_in([("a", "TransferLog t")]) == [
        Found("common", APACHE_COMMON, "apache", "default", "t", "a:1")
    ]


@pytest.mark.parametrize(
    "text", ["", "log_format", "log_format x;", "access_log", "LogFormat", 'CustomLog "x', "{};}", "'"]
)
def test_what_is_not_well_formed_gives_nothing(text: str) -> None:
    assert formats_in([("x", text)]) == []
