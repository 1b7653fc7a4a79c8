# `make demo` and `make test` are all one needs: each sets up everything first.

export OMP_NUM_THREADS ?= 2

.PHONY: help setup demo test lint format docs wheel

help:  ## what there is to make
	@grep -E "^[a-z]+:.*##" Makefile | sed -E "s/:[^#]*## /\t/" | expand -t 10

setup:  ## .venv with everything; quick when nothing has changed
	@bash scripts/setup.sh

demo: setup  ## paint real digits with the shipped agent, then train a fresh one for three minutes
	.venv/bin/python scripts/demo.py

test: lint  ## linters, then the tests
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive .venv/bin/python -m pytest -n 2

lint: setup
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m pyright

format: setup  ## put the code into the form that `make lint` asks for
	.venv/bin/python -m ruff check --fix .
	.venv/bin/python -m ruff format .

docs: setup  ## the documentation's pages, in site/: open site/index.html
	NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict
	@echo "open site/index.html"

wheel: setup  ## the sdist and this machine's wheel, libmypaint inside, into dist/
	@bash scripts/wheel.sh
