"""A desktop (Xfce) over RDP, and the administrator's key pair."""

from textwrap import dedent

from dormouse.guest.features.feature import GuestFeature
from dormouse.guest.files import text_file
from dormouse.resources.features import Desktop, SshKeyPair

COLORD_PATH = "/etc/polkit-1/rules.d/45-allow-colord.rules"
COLORD_RULE = dedent("""\
    polkit.addRule(function(action, subject) {
      if (action.id.indexOf("org.freedesktop.color-manager.") === 0 && subject.isInGroup("sudo")) {
        return polkit.Result.YES;
      }
    });
    """)

INSTALL = r"""
apt install xrdp xorgxrdp xfce4 xfce4-goodies dbus-x11
adduser xrdp ssl-cert
install -o "$admin" -g "$admin" -m 0644 /dev/stdin "$home/.xsession" <<< startxfce4
systemctl enable xrdp
systemctl restart xrdp
"""

CHECK = r"""
  if [ "$(systemctl is-active xrdp)" = active ]; then say xrdp passed "remote desktop is listening"
  else say xrdp waiting "remote desktop is not running yet"; fi
"""

KEY_PAIR = r"""
sudo -u "$admin" mkdir -p -m 0700 "$home/.ssh"
[ -e "$home/.ssh/id_rsa" ] || sudo -u "$admin" ssh-keygen -q -t rsa -b 4096 -N '' -f "$home/.ssh/id_rsa"
"""

DESKTOP: GuestFeature[Desktop] = GuestFeature(
    files=lambda desktop: [text_file(COLORD_PATH, COLORD_RULE)],
    install=lambda desktop: INSTALL,
    checks=lambda desktop: {"xrdp": CHECK},
)
SSH_KEY_PAIR: GuestFeature[SshKeyPair] = GuestFeature(install=lambda pair: KEY_PAIR)
