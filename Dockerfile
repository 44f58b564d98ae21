# Brownout as a container: docker build -t brownout . && docker run --rm brownout faults
FROM python:3.13-slim AS build
COPY . /src
RUN pip wheel --no-cache-dir --wheel-dir /wheels /src

FROM python:3.13-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-index --find-links /wheels brownout \
    && rm -rf /wheels \
    && useradd --create-home brownout
USER brownout
WORKDIR /home/brownout
# Inside a container loopback is out of reach, so the API listens on all interfaces: publish it on 127.0.0.1 alone.
ENV BROWNOUT_API=0.0.0.0:8474
EXPOSE 8474
ENTRYPOINT ["brownout"]
CMD ["run"]
