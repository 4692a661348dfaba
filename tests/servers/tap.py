# SPDX-License-Identifier: GPL-2.0-or-later
"""TAP for the self-tests: a failed check is a line, never an early end."""
import sys
import traceback


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, passed, name, detail=None):
        self.count += 1
        self.failed += not passed
        print("%sok %d - %s" % ("" if passed else "not ", self.count, name))
        if not passed and detail is not None:
            print("# " + str(detail).replace("\n", "\n# "))
        sys.stdout.flush()
        return bool(passed)

    def equal(self, got, wanted, name):
        return self.ok(got == wanted, name,
                       "got %r, wanted %r" % (got, wanted))

    def skip(self, name, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, why))

    def raises(self, kind, call, name, containing=""):
        """call() must raise kind, with containing in its text."""
        try:
            result = call()
        except kind as error:
            return self.ok(containing in str(error), name, repr(error))
        except Exception as error:      # the wrong one is a finding
            return self.ok(False, name, "raised %r" % error)
        return self.ok(False, name, "no error; got %r" % (result,))

    def group(self, check, *given):
        """Runs one function of checks; an exception fails, and stops it."""
        try:
            check(self, *given)
        except Exception:
            self.ok(False, "%s: no exception" % check.__name__,
                    traceback.format_exc())

    def done(self):
        """The plan comes last, so a test that dies early has none."""
        print("1..%d" % self.count)
        print("# %d passed, %d failed"
              % (self.count - self.failed, self.failed))
        return 1 if self.failed or not self.count else 0
