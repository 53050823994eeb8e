"""python -m forecourt.build: make the phone app's files of this source, if they are not there
yet."""

from forecourt.build.phone import ensure_phone_app

if __name__ == "__main__":
    print(ensure_phone_app())
