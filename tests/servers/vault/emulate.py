# SPDX-License-Identifier: GPL-2.0-or-later
"""Where releases differ on the wire, as data. The first is the default."""


class Release:
    def __init__(self, version, **differs):
        self.version = version
        self.associated_data = True     # else silently ignored
        self.reference = True           # echoed in batch results
        self.partial_code = True        # partial_failure_response_code
        self.key_version = True         # in answers
        self.unknown_warning = True     # "Endpoint ignored these ..."
        self.key_replies = True         # rotate and config: 200, not 204
        self.batch_user_error = 400     # status when an item failed
        self.bad_tag_status = 400       # 500 also aborts a whole batch
        self.bad_tag_text = "cipher: message authentication failed"
        self.json_strings = 1000        # limit of one request, 0: none
        self.token_prefix = "s."
        self.__dict__.update(differs)


RELEASES = {release.version: release for release in (
    Release("2.7.2"),
    Release("1.14.0", json_strings=0, token_prefix="hvs."),
    Release("1.9.0", json_strings=0, associated_data=False, reference=False,
            partial_code=False, unknown_warning=False, key_replies=False,
            batch_user_error=200, bad_tag_status=500),
    Release("1.1.5", json_strings=0, associated_data=False, reference=False,
            partial_code=False, unknown_warning=False, key_replies=False,
            key_version=False, batch_user_error=200,
            bad_tag_text="invalid ciphertext: unable to decrypt"),
)}
DEFAULT = "2.7.2"
