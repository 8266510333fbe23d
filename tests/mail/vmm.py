"""Virtual mail manager, from a schema like 0.5.2's to 0.6.2's, with PostgreSQL, postfix and dovecot.

Debian 12 has vmm 0.7.0, whose schema is 0.6.2's: its create_tables.pgsql, set-permissions.py,
postfix/*.cf, UPGRADE and vmm.cfg are what the new package has. Of 0.5.2 only NEWS and UPGRADE are
left there: tables without quotas and sets of services, views that postfix and dovecot ask, a vmm.cfg
with the old names; this is that, and the step between them.
"""

import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "services")]

import units  # noqa: E402  it says where the others are
import pkg  # noqa: E402

NEEDS = ("postgresql", "postfix", "postfix-pgsql", "dovecot-imapd", "dovecot-lmtpd",
         "dovecot-pgsql", "vmm")
DOC = "/usr/share/doc/vmm"
ADDRESS, PASSWORD = "jane@example.org", "correct horse"
SERVICES = ("postfix.service", "postfix@-.service", "dovecot.service")

OLD_SCHEMA = """
CREATE TABLE transport (tid bigserial PRIMARY KEY, transport varchar(270) UNIQUE NOT NULL);
CREATE TABLE maillocation (mid bigserial PRIMARY KEY, maillocation varchar(20) UNIQUE NOT NULL);
CREATE SEQUENCE domains_gid START 70000;
CREATE SEQUENCE users_uid START 70000;
CREATE TABLE domain_data (
    gid bigint PRIMARY KEY DEFAULT nextval('domains_gid'),
    tid bigint NOT NULL DEFAULT 1 REFERENCES transport, domaindir varchar(40) NOT NULL);
CREATE TABLE domain_name (
    domainname varchar(255) PRIMARY KEY, gid bigint NOT NULL REFERENCES domain_data,
    is_primary boolean NOT NULL);
CREATE TABLE users (
    local_part varchar(64) NOT NULL, passwd varchar(270) NOT NULL, name varchar(128),
    uid bigint UNIQUE NOT NULL DEFAULT nextval('users_uid'),
    gid bigint NOT NULL REFERENCES domain_data,
    mid bigint NOT NULL DEFAULT 1 REFERENCES maillocation,
    tid bigint NOT NULL DEFAULT 1 REFERENCES transport,
    smtp boolean NOT NULL DEFAULT TRUE, pop3 boolean NOT NULL DEFAULT TRUE,
    imap boolean NOT NULL DEFAULT TRUE, sieve boolean NOT NULL DEFAULT TRUE,
    PRIMARY KEY (local_part, gid));
CREATE TABLE alias (
    gid bigint NOT NULL REFERENCES domain_data, address varchar(64) NOT NULL,
    destination varchar(320) NOT NULL, PRIMARY KEY (gid, address, destination));
CREATE TABLE relocated (
    gid bigint NOT NULL REFERENCES domain_data, address varchar(64) NOT NULL,
    destination varchar(320) NOT NULL, PRIMARY KEY (gid, address));
CREATE VIEW dovecot_password AS
    SELECT local_part || '@' || domainname AS "user", passwd AS password, smtp, pop3, imap, sieve
      FROM users LEFT JOIN domain_name USING (gid);
CREATE VIEW dovecot_user AS
    SELECT local_part || '@' || domainname AS userid, uid, gid, domaindir || '/' || uid AS home,
           'maildir:~/' || maillocation AS mail
      FROM users LEFT JOIN domain_data USING (gid) LEFT JOIN domain_name USING (gid)
           LEFT JOIN maillocation USING (mid);
CREATE VIEW postfix_gid AS SELECT gid, domainname FROM domain_name;
CREATE VIEW postfix_maildir AS
    SELECT local_part || '@' || domainname AS address,
           domaindir || '/' || uid || '/' || maillocation || '/' AS maildir
      FROM users LEFT JOIN domain_data USING (gid) LEFT JOIN domain_name USING (gid)
           LEFT JOIN maillocation USING (mid);
CREATE VIEW postfix_alias AS
    SELECT address || '@' || domainname AS address, destination
      FROM alias LEFT JOIN domain_name USING (gid);
GRANT SELECT ON dovecot_password, dovecot_user TO dovecot;
GRANT SELECT ON postfix_gid, postfix_maildir, postfix_alias TO postfix;
INSERT INTO transport (transport) VALUES ('lmtp:unix:private/dovecot-lmtp');
INSERT INTO maillocation (maillocation) VALUES ('Maildir');
"""

# Around the new tables, in one transaction.
UPDATE_BEFORE = """
ALTER SCHEMA public RENAME TO vmm05;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO PUBLIC;
SET search_path TO public;
"""
UPDATE_AFTER = """
INSERT INTO domain_data (gid, domaindir) SELECT gid, domaindir FROM vmm05.domain_data;
INSERT INTO domain_name SELECT * FROM vmm05.domain_name;
INSERT INTO users (local_part, passwd, name, uid, gid, ssid)
    SELECT local_part, passwd, name, uid, gid, ssid
      FROM vmm05.users JOIN service_set USING (smtp, pop3, imap, sieve);
INSERT INTO alias SELECT * FROM vmm05.alias;
INSERT INTO relocated SELECT * FROM vmm05.relocated;
SELECT setval('domain_gid', max(gid)) FROM domain_data;
SELECT setval('users_uid', max(uid)) FROM users;
DROP SCHEMA vmm05 CASCADE;
"""
POSTINST = f"""
{{ cat /usr/share/vmm/before.pgsql
  sed '/^CREATE LANGUAGE/d' {DOC}/examples/pgsql/create_tables.pgsql
  cat /usr/share/vmm/after.pgsql
}} | runuser -u postgres -- psql -q -1 -X -v ON_ERROR_STOP=1 -d mailsys >/dev/null
runuser -u postgres -- python3 {DOC}/examples/pgsql/set-permissions.py -n mailsys -U postgres
"""
# Only a package that is upgraded has a database that is to be changed.
NEW_POSTINST = {"configure": f"""if dpkg --compare-versions "$2" lt 0.6; then
{POSTINST}
fi"""}

OLD_CFG = """[database]
host = localhost
user = vmm
pass = dbpassword
name = mailsys
[maildir]
name = Maildir
folders = Drafts:Sent:Templates:Trash
mode = 448
[services]
smtp = true
pop3 = true
imap = true
sieve = true
[domdir]
base = /var/lib/vmm
mode = 504
[misc]
passwdscheme = PLAIN
gid_mail = 8
transport = lmtp:unix:private/dovecot-lmtp
dovecotvers = 12
"""

MAP = """hosts = 127.0.0.1
user = postfix
password = some_password
dbname = mailsys
query = {0}
"""
OLD_MAPS = {
    "virtual_mailbox_domains": "SELECT gid FROM postfix_gid WHERE domainname='%s'",
    "virtual_mailbox_maps": "SELECT maildir FROM postfix_maildir WHERE address='%s'",
    "virtual_alias_maps": "SELECT destination FROM postfix_alias WHERE address='%s'",
}
DOVECOT = """protocols = imap lmtp
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
first_valid_gid = 70000
first_valid_uid = 70000
passdb {
  driver = sql
  args = /etc/dovecot/dovecot-sql.conf.ext
}
userdb {
  driver = sql
  args = /etc/dovecot/dovecot-sql.conf.ext
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    user = postfix
    group = postfix
    mode = 0600
  }
}
"""
SQL = """driver = pgsql
connect = host=127.0.0.1 dbname=mailsys user=dovecot password=some_password
"""
OLD_SQL = SQL + """password_query = SELECT "user", password FROM dovecot_password \\
  WHERE "user" = '%Lu' AND %Ls
user_query = SELECT home, uid, gid, mail FROM dovecot_user WHERE userid = '%Lu'
"""
# As Configure.Dovecot_2 has them.
NEW_SQL = SQL + """password_query = \\
 SELECT userid AS "user", password FROM dovecotpassword('%Ln', '%Ld') WHERE %Ls
user_query = SELECT home, uid, gid, mail FROM dovecotuser('%Ln', '%Ld')
"""


def psql(bed, text, database="mailsys"):
    return bed.must(f"runuser -u postgres -- psql -q -1 -X -At -v ON_ERROR_STOP=1 -d {database}",
                    stdin=text)


def real_files(bed):
    """What the packages take from Debian's."""
    paths = bed.must("dpkg -L vmm | grep -E '/examples/p|/upgrade/UPGRADE|/vmm.cfg$'").split()
    return {path: bed.read(path) for path in paths
            if bed.run(["test", "-f", path]).code == 0}


def old_package():
    return pkg.Package("vmm", "0.5.2-1", arch="all", conffiles={"/etc/vmm/vmm.cfg": OLD_CFG})


def new_package(files, fails=False):
    """`fails`: its change of the schema meets what is not as it expects it, at its end."""
    files = dict(files)
    cfg = files.pop("/etc/vmm/vmm.cfg")
    files["/usr/share/vmm/before.pgsql"] = UPDATE_BEFORE
    files["/usr/share/vmm/after.pgsql"] = UPDATE_AFTER + (
        "ALTER TABLE vmm05.users DROP COLUMN note;\n" if fails else "")
    return pkg.Package("vmm", "0.6.2-1", arch="all", files=files,
                       conffiles={"/etc/vmm/vmm.cfg": cfg}, scripts={"postinst": NEW_POSTINST})


class Mail(units.Machine):
    """A mail system with vmm 0.5.2's database and an account, and 0.6.2 in its repository."""

    def __init__(self, fails=False):
        super().__init__(needs=NEEDS)
        self.fails = fails

    def __enter__(self):
        super().__enter__()
        bed = self.bed
        files = real_files(bed)
        bed.must("dpkg --purge vmm")
        self.repository.replace([old_package()])
        self.repository.update()
        bed.must("apt-get -qqy install vmm")
        self.make_database()
        self.configure()
        self.repository.replace([new_package(files, self.fails)])
        self.repository.update()
        return self

    def make_database(self):
        bed = self.bed
        bed.must("systemctl start postgresql")
        psql(bed, """CREATE ROLE vmm LOGIN;
            CREATE ROLE dovecot LOGIN PASSWORD 'some_password';
            CREATE ROLE postfix LOGIN PASSWORD 'some_password';""", "template1")
        bed.must("runuser -u postgres -- createdb -E UTF8 -T template0 mailsys")
        psql(bed, OLD_SCHEMA)
        psql(bed, f"""INSERT INTO domain_data (domaindir) VALUES ('/srv/mail/a/70000');
            INSERT INTO domain_name VALUES ('example.org', 70000, TRUE);
            INSERT INTO users (local_part, passwd, gid) VALUES
                ('jane', '{{PLAIN}}{PASSWORD}', 70000);
            INSERT INTO alias VALUES (70000, 'info', '{ADDRESS}');""")
        bed.must("install -d -m 0771 /srv/mail/a/70000 && "
                 "install -d -o 70000 -g 70000 -m 0700 /srv/mail/a/70000/70000")

    def configure(self):
        bed = self.bed
        for name, query in OLD_MAPS.items():
            bed.write(f"/etc/postfix/pgsql-{name}.cf", MAP.format(query))
        bed.must("test -e /etc/postfix/main.cf || cp /usr/share/postfix/main.cf.debian "
                 "/etc/postfix/main.cf")
        settings = [f"{name}=pgsql:/etc/postfix/pgsql-{name}.cf" for name in OLD_MAPS]
        bed.must(["postconf", "-e", "inet_interfaces=loopback-only", "inet_protocols=ipv4",
                  "mydestination=localhost", "myhostname=mail.example.net", "smtpd_tls_security_level=none",
                  "virtual_transport=lmtp:unix:private/dovecot-lmtp", *settings])
        bed.write("/etc/dovecot/dovecot.conf", DOVECOT)
        bed.write("/etc/dovecot/dovecot-sql.conf.ext", OLD_SQL, 0o600)
        bed.must("systemctl restart dovecot postfix")

    def edit(self):
        """As UPGRADE asks for, with Debian's own files."""
        bed = self.bed
        for name in OLD_MAPS:
            bed.must(f"sed -e 's/localhost/127.0.0.1/' {DOC}/examples/postfix/pgsql-{name}.cf "
                     f">/etc/postfix/pgsql-{name}.cf")
        bed.write("/etc/dovecot/dovecot-sql.conf.ext", NEW_SQL, 0o600)

    def up(self):
        return {unit: state == "active" for unit, state in self.states(*SERVICES).items()}

    # In the container's network, with its own programs: what listens there is on its loopback.
    def login(self):
        """Subjects of the mails that are there; raises where the login fails."""
        return self.bed.run(["python3", "-c", LOGIN, ADDRESS, PASSWORD])

    def send(self, subject, to=ADDRESS):
        return self.bed.run(["python3", "-c", SEND, to, subject])

    def delivered(self, subject, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if subject in self.login().output.splitlines():
                return True
            time.sleep(0.3)
        return False


LOGIN = """
import imaplib, sys
box = imaplib.IMAP4("127.0.0.1", timeout=20)
box.login(*sys.argv[1:])
box.select(readonly=True)
for number in box.search(None, "ALL")[1][0].split():
    head = box.fetch(number, "(BODY[HEADER.FIELDS (SUBJECT)])")[1][0][1].decode()
    print(head.strip().removeprefix("Subject: "))
"""
SEND = """
import smtplib, sys
with smtplib.SMTP("127.0.0.1", timeout=20) as server:
    server.sendmail("joe@example.net", [sys.argv[1]], "Subject: " + sys.argv[2] + "\\r\\n\\r\\nHello\\r\\n")
"""
