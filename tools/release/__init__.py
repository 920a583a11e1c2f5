"""How a release is made and checked: `nox -s lock`, `nox -s release`, `nox -s supply`.

    build       sdist and wheel, twice, byte by byte the same
    contents    what they may hold, what they must, and what installing them brings
    lock        the locked packages, and whether they are what the project asks for
    licences    under which licences they come; writes docs/licences.md
    bill        the bill of materials against what is locked
    tag         the version against the tag and the change log
    trial       the main job, with a gateway that was installed from the wheel
    verdict     how a check says what it found

How to release: docs/releasing.md.
"""
