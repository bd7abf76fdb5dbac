// Starts Swagger UI on this service's own document; the validator badge would ask another host, so it is off.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
});
