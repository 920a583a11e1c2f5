"""Images, files and sounds as AWS Bedrock's Converse takes them."""

import pytest

from gateway.forms.bedrock_media import Media
from gateway.words.errors import Unsupported

DATA = "AAEC"


@pytest.mark.parametrize(
    ("kind", "format"),
    [("image/png", "png"), ("image/jpeg", "jpeg"), ("IMAGE/GIF", "gif"), ("image/webp", "webp")],
)
def test_an_image_is_told_with_its_bytes(kind: str, format: str) -> None:
    told = Media().picture(f"data:{kind};base64,{DATA}")
    assert told == {"image": {"format": format, "source": {"bytes": DATA}}}


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/cat.png",
        "s3://bucket/cat.png",
        "data:image/tiff;base64,AAEC",
        "data:image/png,AAEC",
        "data:image/png;base64,",
        "data:image/png;base64,AAE",
        "data:image/png;base64,AA=C",
        "data:image/png;base64,AA EC",
        "",
    ],
)
def test_an_image_elsewhere_or_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(Unsupported):
        Media().picture(url)


@pytest.mark.parametrize(
    ("kind", "format"),
    [
        ("application/pdf", "pdf"),
        ("text/plain", "txt"),
        ("text/plain;charset=utf-8", "txt"),
        ("text/markdown", "md"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ],
)
def test_a_document_is_told_with_its_bytes(kind: str, format: str) -> None:
    told = Media().document(f"data:{kind};base64,{DATA}", "")
    wanted = {"format": format, "name": "document", "source": {"bytes": DATA}}
    assert told == {"document": wanted}


def test_a_document_of_another_kind_is_refused() -> None:
    with pytest.raises(Unsupported):
        Media().document("data:application/zip;base64,AAEC", "a.zip")


def names(*filenames: str) -> list[object]:
    media = Media()
    told = [media.document(f"data:text/plain;base64,{DATA}", name) for name in filenames]
    return [each["document"]["name"] for each in told]  # type: ignore[index]


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("Report-2026 (final) [b].pdf", "Report-2026 (final) [b]"),
        ("a_b/c\\d: e.f.txt", "a b c d e f"),
        ("nameless", "nameless"),
        (".env", "env"),
        ("übung.txt", "bung"),
        ("日本.pdf", "document"),
        ("x" * 300 + ".pdf", "x" * 180),
    ],
)
def test_a_name_has_only_the_characters_that_the_provider_takes(filename: str, name: str) -> None:
    assert names(filename) == [name]


def test_no_two_documents_have_one_name() -> None:
    given = ("a.txt", "a (2).txt", "a.pdf", "a.md", "a (2).md")
    assert names(*given) == ["a", "a (2)", "a (3)", "a (4)", "a (2) (2)"]


def test_a_sound_is_told_with_its_bytes() -> None:
    told = Media().sound(DATA, "mp3")
    assert told == {"audio": {"format": "mp3", "source": {"bytes": DATA}}}


@pytest.mark.parametrize(
    ("data", "format"), [(DATA, "flac"), (DATA, ""), ("?", "wav"), ("", "wav")]
)
def test_a_sound_of_another_kind_is_refused(data: str, format: str) -> None:
    with pytest.raises(Unsupported):
        Media().sound(data, format)
